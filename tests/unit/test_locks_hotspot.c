/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* What a parked Java thread waits for, in a small heap of Java objects made by hand. */
#include "locks/hotspot.h"
#include "locks/hotspot_object.h"
#include "locks_fixture.h"

#define BASE 0x100000
/* What stands where in that memory. */
enum {
	THREADS = BASE + 0x100, /* the pointer to the first JavaThread */
	DECODE = BASE + 0x200,	/* bases and shifts of references and classes */
	JAVA = BASE + 0x1000,	/* two JavaThreads */
	SYMBOLS = BASE + 0x2000,
	CONSTANTS = BASE + 0x4000,
	FIELDS = BASE + 0x6000,
	CLASSES = BASE + 0x8000,
	OBJECTS = BASE + 0xa000,
	MONITOR = BASE + 0xc000,
};
#define MEMORY_BYTES 0x10000
#define WAITER 101
#define HOLDER 102
#define SLOT 0x100 /* between things of a kind */

struct heap {
	uint8_t bytes[MEMORY_BYTES];
	struct jvm_layout layout;
	struct lock_memory memory;
	struct lock_thread threads[2];
	struct lock_process process;
	struct snapshot snapshot;
	bool packed; /* fields are a stream of packed numbers, as from JDK 21 on */
	bool small;  /* references take 4 bytes */
	size_t classes;
	size_t symbols;
	size_t objects;
};

static int read_heap(void *context, pid_t pid, uint64_t address, void *data, size_t size)
{
	struct heap *heap = context;

	if (pid != 100 || address < BASE || address + size > BASE + MEMORY_BYTES)
		return -EFAULT;
	memcpy(data, heap->bytes + (address - BASE), size);
	return 0;
}

static void put(struct heap *heap, uint64_t address, uint64_t value, size_t size)
{
	memcpy(heap->bytes + (address - BASE), &value, size);
}

static uint64_t add_symbol(struct heap *heap, const char *text)
{
	uint64_t symbol = SYMBOLS + SLOT * heap->symbols++;

	put(heap, symbol, strlen(text), 2);
	memcpy(heap->bytes + (symbol + 6 - BASE), text, strlen(text));
	return symbol;
}

/* Numbers below 191 take a byte, greater ones two. */
static size_t pack(uint8_t *out, uint32_t value)
{
	if (value < 191) {
		*out = value + 1;
		return 1;
	}
	value -= 191;
	out[0] = 192 + (value & 63);
	out[1] = (value >> 6) + 1;
	return 2;
}

/* The fields of a class: one that has a generic type, then the one that is wanted. */
static void add_packed(struct heap *heap, uint64_t array, uint32_t offset)
{
	uint8_t *stream = heap->bytes + (array + 4 - BASE);
	const uint32_t numbers[] = {2, 0, 9, 9, 300, 0, 4, 77, 1, 9, offset, 0, 1, 5};
	size_t length = 0;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		length += pack(stream + length, numbers[i]);
	put(heap, array, length, 4);
}

static void add_array(struct heap *heap, uint64_t array, uint32_t offset)
{
	const uint16_t numbers[12] = {0, 9, 0, 0, 44 << 2, 0, 0, 1, 0, 0, offset << 2, 0};

	put(heap, array, 12, 4);
	memcpy(heap->bytes + (array + 4 - BASE), numbers, sizeof(numbers));
}

/* A class with one field of interest, the first of its constants. */
static uint64_t add_class(
	struct heap *heap, const char *name, uint64_t super, const char *field, uint32_t offset)
{
	size_t number = heap->classes++;
	uint64_t klass = CLASSES + SLOT * number, constants = CONSTANTS + SLOT * number;
	uint64_t fields = FIELDS + SLOT * number;

	put(heap, klass + 16, add_symbol(heap, name), 8);
	put(heap, klass + 24, super, 8);
	put(heap, klass + 32, constants, 8);
	put(heap, klass + 40, fields, 8);
	put(heap, constants + 64 + 8 * 1, add_symbol(heap, field), 8);
	put(heap, constants + 64 + 8 * 9, add_symbol(heap, "other"), 8);
	if (heap->packed)
		add_packed(heap, fields, offset);
	else
		add_array(heap, fields, offset);
	return klass;
}

static uint64_t add_object(struct heap *heap, uint64_t klass)
{
	uint64_t object = OBJECTS + SLOT * heap->objects++;

	put(heap, object, 1, 8);
	put(heap, object + 8, heap->small ? (klass - BASE) >> 3 : klass, heap->small ? 4 : 8);
	return object;
}

static void refer(struct heap *heap, uint64_t object, uint32_t offset, uint64_t to)
{
	if (heap->small)
		put(heap, object + offset, (to - BASE) >> 3, 4);
	else
		put(heap, object + offset, to, 8);
}

static void set_layout(struct heap *heap)
{
	struct jvm_layout *layout = &heap->layout;

	memset(layout, 0xff, sizeof(*layout));
	layout->is_read = layout->is_known = true;
	layout->has_threads = layout->has_fields = layout->compact_headers = false;
	memset(&layout->threads, 0, sizeof(layout->threads));
	layout->small_references = layout->small_classes = heap->small;
	layout->first_thread = THREADS;
	layout->thread_next = 8;
	layout->thread_os = 16;
	layout->os_number = 24;
	layout->thread_object = 40;
	layout->waiting_monitor = 48;
	layout->monitor_object = 8;
	layout->class_name = 16;
	layout->class_super = 24;
	layout->class_constants = 32;
	*(heap->packed ? &layout->class_field_info : &layout->class_fields) = 40;
	layout->pool_size = 64;
	layout->symbol_length = 0;
	layout->symbol_body = 6;
	layout->object_class = 8;
	layout->oop_base = layout->klass_base = DECODE;
	layout->oop_shift = layout->klass_shift = DECODE + 8;
}

/* The waiter's java.lang.Thread is the first object, the holder's the second; handles lead to them
 * where fields are packed. */
static struct heap *new_heap(bool packed, bool small)
{
	struct heap *heap = calloc(1, sizeof(*heap));
	uint64_t object, thread;

	heap->packed = packed;
	heap->small = small;
	set_layout(heap);
	put(heap, DECODE, BASE, 8);
	put(heap, DECODE + 8, 3, 4);
	object = add_class(heap, "java/lang/Object", 0, "none", 0);
	thread = add_class(heap, "java/lang/Thread", object, "parkBlocker", 200);
	put(heap, CONSTANTS + SLOT + 64 + 8 * 9, add_symbol(heap, "eetop"), 8);
	put(heap, THREADS, JAVA, 8);
	for (int i = 0; i < 2; i++) {
		uint64_t java = JAVA + SLOT * i, mine = add_object(heap, thread);

		put(heap, java + 8, i ? 0 : JAVA + SLOT, 8);
		put(heap, java + 16, java + 64, 8);
		put(heap, java + 64 + 24, WAITER + i, 4);
		put(heap, java + 96, mine, 8);
		put(heap, java + 40, packed ? java + 96 : mine, 8);
		put(heap, mine + (packed ? 300 : 44), java, 8);
		heap->threads[i] = (struct lock_thread){
			.pid = 100, .tid = WAITER + i, .ns_tid = WAITER + i, .state = 'S'};
	}
	heap->process = (struct lock_process){.pid = 100};
	heap->snapshot = (struct snapshot){.threads = heap->threads,
		.thread_count = 2,
		.processes = &heap->process,
		.process_count = 1};
	heap->memory = (struct lock_memory){.context = heap, .read = read_heap};
	return heap;
}

static void free_heap(struct heap *heap)
{
	jvm_layout__free(&heap->layout);
	free(heap);
}

/* Parks the waiter for an object of class @name, derived from @super, which declares @field; with
 * the holder in it. */
static void park(
	struct heap *heap, const char *name, const char *super, const char *field, bool held)
{
	uint64_t base = add_class(heap, super, CLASSES, field, 24);
	uint64_t lock = add_object(heap, add_class(heap, name, base, "none", 0));

	refer(heap, OBJECTS, 200, lock);
	if (held)
		refer(heap, lock, 24, OBJECTS + SLOT);
}

static struct lock_wait look(struct heap *heap, bool settled)
{
	struct lock_wait wait = {.thread = &heap->threads[0], .kind = WAIT_PARK};

	assert_int_equal(
		hotspot__find_blocker(&heap->snapshot, &heap->memory, &heap->layout, &wait),
		settled);
	return wait;
}

#define OWNABLE "java/util/concurrent/locks/AbstractOwnableSynchronizer"
#define REENTRANT "java/util/concurrent/locks/ReentrantLock$NonfairSync"

static void expect_lock(bool packed, bool small)
{
	struct heap *heap = new_heap(packed, small);
	struct lock_wait wait;

	park(heap, REENTRANT, OWNABLE, "exclusiveOwnerThread", true);
	wait = look(heap, true);
	assert_int_equal(wait.kind, WAIT_RUNTIME);
	assert_int_equal(wait.state.field, OWNER_TID);
	assert_int_equal(wait.state.owner, HOLDER);
	assert_string_equal(wait.name, "java.util.concurrent.locks.ReentrantLock$NonfairSync");
	free_heap(heap);
}

static void test_lock_names_its_owner_whatever_the_layout(void **state)
{
	(void)state;
	expect_lock(false, false);
	expect_lock(false, true);
	expect_lock(true, false);
	expect_lock(true, true);
}

static void test_lock_that_readers_have_names_nobody(void **state)
{
	struct heap *heap = new_heap(true, true);
	struct lock_wait wait;

	(void)state;
	park(heap, "java/util/concurrent/locks/ReentrantReadWriteLock$FairSync", OWNABLE,
		"exclusiveOwnerThread", false);
	wait = look(heap, true);
	assert_int_equal(wait.kind, WAIT_RUNTIME);
	assert_int_equal(wait.state.field, OWNER_NONE);
	free_heap(heap);
}

static void test_latch_is_named_and_has_no_owner(void **state)
{
	struct heap *heap = new_heap(false, true);
	struct lock_wait wait;

	(void)state;
	park(heap, "java/util/concurrent/CountDownLatch$Sync", OWNABLE, "exclusiveOwnerThread",
		false);
	wait = look(heap, false);
	assert_int_equal(wait.kind, WAIT_PARK);
	assert_string_equal(wait.name, "java.util.concurrent.CountDownLatch$Sync");
	free_heap(heap);
}

static void test_future_waits_for_whoever_runs_the_task(void **state)
{
	struct heap *heap = new_heap(true, false);
	struct lock_wait wait;

	(void)state;
	park(heap, "com/example/Job", "java/util/concurrent/FutureTask", "runner", true);
	wait = look(heap, true);
	assert_int_equal(wait.kind, WAIT_FUTURE);
	assert_ptr_equal(wait.owner, &heap->threads[1]);
	assert_int_equal(wait.certainty, CERTAINTY_INFERRED);
	free_heap(heap);
}

static void test_wait_on_a_thread_is_a_join(void **state)
{
	struct heap *heap = new_heap(false, false);
	struct lock_wait wait;

	(void)state;
	put(heap, JAVA + 48, MONITOR, 8);
	put(heap, MONITOR + 8, OBJECTS + SLOT, 8);
	wait = look(heap, true);
	assert_int_equal(wait.kind, WAIT_JOIN);
	assert_ptr_equal(wait.owner, &heap->threads[1]);
	free_heap(heap);
}

static void test_what_is_no_object_is_not_taken_for_one(void **state)
{
	struct heap *heap = new_heap(true, true);

	(void)state;
	refer(heap, OBJECTS, 200, CONSTANTS);
	assert_string_equal(look(heap, false).name, "");
	free_heap(heap);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lock_names_its_owner_whatever_the_layout),
		cmocka_unit_test(test_lock_that_readers_have_names_nobody),
		cmocka_unit_test(test_latch_is_named_and_has_no_owner),
		cmocka_unit_test(test_future_waits_for_whoever_runs_the_task),
		cmocka_unit_test(test_wait_on_a_thread_is_a_join),
		cmocka_unit_test(test_what_is_no_object_is_not_taken_for_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
