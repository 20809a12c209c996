/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Locks of absl and Qt: the kinds of their waits, where the locks are, and what those say. */
#include "locks_fixture.h"

#define STACK 0x8000
#define IDENTITY 0x7f0000
#define OTHER_IDENTITY 0x7f0100

/* --- absl, with the inline namespace of some release */

static struct lock_frame absl_lock[] = {
	{.pc = 0x1010, .slot = STACK, .function = "syscall", .module = "libc.so.6"},
	{.pc = 0x2010,
		.slot = STACK + 0x10,
		.function = "absl::lts_20230802::synchronization_internal::FutexWaiter::Wait()",
		.module = "libabsl.so"},
	{.pc = 0x2110,
		.slot = STACK + 0x20,
		.function = "AbslInternalPerThreadSemWait_lts_20230802",
		.module = "libabsl.so"},
	{.pc = 0x2210,
		.slot = STACK + 0x40,
		.function = "absl::lts_20230802::Mutex::Block(int*)",
		.module = "libabsl.so"},
	{.pc = 0x2310,
		.slot = STACK + 0x60,
		.function = "absl::lts_20230802::Mutex::Lock()",
		.module = "libabsl.so"},
	{.pc = 0x401010, .slot = STACK + 0xa0, .function = "work", .module = "app"},
};

/* Thread 101 sleeps on the word of its identity, the second in the queue of @word. */
static struct world *new_absl(uint64_t word)
{
	struct world *world = new_world(3, 1);
	uint64_t *stack;

	add_process(world, 100, LIBC_GLIBC);
	block(add_thread(world, 100, 101), IDENTITY + 0x40, WAIT_PRIVATE, 0);
	add_thread(world, 100, 102);
	set_stack(&world->snapshot.threads[0], absl_lock, 6);
	stack = (uint64_t *)add_region(world, 100, STACK, 256);
	stack[9] = LOCK_A;
	*(uint64_t *)add_region(world, 100, LOCK_A, 8) = word;
	*(uint64_t *)add_region(world, 100, OTHER_IDENTITY, 8) = IDENTITY;
	*(uint64_t *)add_region(world, 100, IDENTITY, 8) = OTHER_IDENTITY;
	return world;
}

static void test_absl_mutex_is_the_one_in_whose_queue_the_thread_is(void **state)
{
	struct world *world = new_absl(OTHER_IDENTITY | 4 | 8);

	judge(world);
	assert_int_equal(wait_of(world, 101)->kind, WAIT_MUTEX);
	assert_int_equal(wait_of(world, 101)->address, LOCK_A);
	assert_int_equal(verdict_of(world, 101), VERDICT_OWNER_UNKNOWN);
	free_world(world);
}

static void test_word_that_is_no_queue_of_the_thread_is_not_its_absl_mutex(void **state)
{
	struct world *world = new_absl(0x7e0000 | 4 | 8);

	judge(world);
	assert_int_equal(wait_of(world, 101)->kind, WAIT_MUTEX);
	assert_int_equal(wait_of(world, 101)->address, IDENTITY + 0x40);
	free_world(world);
}

static void test_absl_condition_is_no_mutex_in_any_namespace(void **state)
{
	static const char *const names[] = {
		"absl::CondVar::WaitCommon(int)",
		"absl::debian3::CondVar::Wait(absl::debian3::Mutex*)",
		"absl::lts_20240722::Mutex::Await(absl::lts_20240722::Condition const&)",
	};

	for (size_t i = 0; i < 3; i++) {
		struct world *world = new_absl(OTHER_IDENTITY | 4 | 8);
		struct lock_frame stack[6];

		memcpy(stack, absl_lock, sizeof(stack));
		stack[4].function = names[i];
		world->snapshot.threads[0].frames = stack;
		/* Await sleeps in Block, WaitCommon not. */
		if (i < 2)
			stack[3].function = "absl::debian3::Mutex::DecrementSynchSem(int*)";
		judge(world);
		assert_int_equal(wait_of(world, 101)->kind, WAIT_CONDITION);
		free_world(world);
	}
}

/* --- Qt */

static struct lock_frame qt_write[] = {
	{.pc = 0x1010, .slot = STACK, .function = "pthread_cond_wait", .module = "libc.so.6"},
	{.pc = 0x2010, .slot = STACK + 0x20, .function = "QWaitCondition::wait", .module = "Qt"},
	{.pc = 0x2110, .slot = STACK + 0x40, .module = "Qt"},
	{.pc = 0x2210,
		.slot = STACK + 0x80,
		.function = "QReadWriteLock::tryLockForWrite(int)",
		.module = "Qt"},
	{.pc = 0x401010, .slot = STACK + 0xa0, .function = "work", .module = "app"},
};

#define PRIVATE 0x610000
#define CONDITION 0x620000

static struct world *new_qt(uint64_t word)
{
	struct world *world = new_world(3, 1);

	add_process(world, 100, LIBC_GLIBC);
	block(add_thread(world, 100, 101), word, WAIT_PRIVATE, 0);
	add_thread(world, 100, 102);
	set_stack(&world->snapshot.threads[0], qt_write, 5);
	((uint64_t *)add_region(world, 100, STACK, 256))[14] = LOCK_A;
	*(uint64_t *)add_region(world, 100, LOCK_A, 8) = PRIVATE;
	return world;
}

static void expect_model(struct world *world)
{
	judge(world);
	assert_int_equal(wait_of(world, 101)->kind, WAIT_WRITE_LOCK);
	assert_int_equal(wait_of(world, 101)->address, LOCK_A);
	assert_int_equal(wait_of(world, 101)->state.readers, 2);
	free_world(world);
}

static void test_rwlock_of_qt_5_has_its_conditions_by_pointers(void **state)
{
	struct world *world = new_qt(CONDITION + 80);
	uint64_t *data = (uint64_t *)add_region(world, 100, PRIVATE, 64);

	data[1] = CONDITION;
	data[2] = CONDITION + 0x1000;
	data[3] = 2;	      /* two readers, no writer */
	data[4] = 1ull << 32; /* and one that wants to be */
	expect_model(world);
}

static void test_rwlock_of_qt_6_has_its_conditions_in_itself(void **state)
{
	struct world *world = new_qt(PRIVATE + 40 + 48 + 40);
	uint32_t *data = (uint32_t *)add_region(world, 100, PRIVATE, 160);

	data[136 / 4] = 2;
	data[136 / 4 + 3] = 1;
	expect_model(world);
}

static struct lock_frame qt_mutex[] = {
	{.pc = 0x1010, .slot = STACK, .function = "syscall", .module = "libc.so.6"},
	{.pc = 0x2010,
		.slot = STACK + 0x20,
		.function = "QBasicMutex::lockInternal()",
		.module = "Qt"},
	{.pc = 0x401010, .slot = STACK + 0x40, .function = "work", .module = "app"},
};

#define DESCRIPTOR 0x7d0000

static void expect_recursive(size_t owner_at, bool is_known)
{
	struct world *world = new_world(3, 1);
	uint8_t *mutex = add_region(world, 100, LOCK_A, 64);
	uint64_t descriptor = DESCRIPTOR;
	uint32_t one = 1;

	add_process(world, 100, LIBC_GLIBC);
	block(add_thread(world, 100, 101), LOCK_A + 24, WAIT_PRIVATE, 3);
	add_thread(world, 100, 102);
	set_stack(&world->snapshot.threads[0], qt_mutex, 3);
	*(uint32_t *)(mutex + 24) = 3;
	if (is_known) {
		memcpy(mutex + owner_at, &descriptor, 8);
		memcpy(mutex + owner_at + 8, &one, 4);
	}
	/* struct pthread: self at 0x10, tid at 0x2d0; on arm64 tid at 0xd0 */
	((uint64_t *)add_region(world, 100, DESCRIPTOR + 0x10, 8))[0] = DESCRIPTOR;
	((uint32_t *)add_region(world, 100, DESCRIPTOR + 0x2d0, 4))[0] = 102;
	((uint32_t *)add_region(world, 100, DESCRIPTOR + 0xd0, 4))[0] = 102;
	judge(world);
	assert_int_equal(wait_of(world, 101)->kind, WAIT_MUTEX);
	if (is_known) {
		assert_int_equal(wait_of(world, 101)->owner->tid, 102);
		assert_int_equal(wait_of(world, 101)->certainty, CERTAINTY_EXACT);
	} else {
		assert_null(wait_of(world, 101)->owner);
	}
	free_world(world);
}

static void test_recursive_mutex_of_qt_names_its_owner(void **state)
{
	expect_recursive(8, true);  /* Qt 5: 16 bytes before the mutex */
	expect_recursive(32, true); /* Qt 6: right behind it */
}

static void test_plain_mutex_of_qt_names_nobody(void **state)
{
	expect_recursive(0, false);
}

/* --- Java's monitors, in a JVM that tells its layout */

#define TABLE 0x700000
#define NAMES 0x701000
#define VARIABLES 0x702000
#define MONITOR 0x630000
#define JAVA_THREAD 0x640000
#define OS_THREAD 0x650000
#define THREAD_LIST 0x660000
#define KLASS 0x670000
#define SYMBOL 0x680000
#define OBJECT 0x690000
#define STRIDE 48
/* A region of the fixture holds so many. */
#define ENTRIES_PER_REGION 5
#define NAMES_PER_REGION 8

static uint64_t find_variable(void *context, pid_t pid, const char *module, const char *name)
{
	static const char *const names[] = {
		"gHotSpotVMStructs",
		"gHotSpotVMStructEntryArrayStride",
		"gHotSpotVMStructEntryTypeNameOffset",
		"gHotSpotVMStructEntryFieldNameOffset",
		"gHotSpotVMStructEntryOffsetOffset",
		"gHotSpotVMStructEntryAddressOffset",
	};

	assert_string_equal(module, "libjvm.so");
	for (size_t i = 0; i < 6; i++)
		if (!strcmp(names[i], name))
			return VARIABLES + 8 * i;
	return 0;
}

struct jvm_entry {
	const char *type;
	const char *field;
	uint64_t offset; /* of a static field its address */
};

/* Of JDK 17 and before, and what later ones have beside it. */
static const struct jvm_entry old_entries[] = {
	{"ObjectMonitor", "_owner", 64},
	{"Thread", "_osthread", 16},
	{"OSThread", "_thread_id", 8},
	{"ObjectMonitor", "_header", 0},
	{"InstanceKlass", "_init_thread", 32},
	{"Klass", "_name", 24},
	{"Symbol", "_length", 4},
	{"Symbol", "_body", 6},
};
#define OLD_ENTRIES 8
static const struct jvm_entry new_entries[] = {
	{"ObjectMonitor", "_owner", 64},
	{"Thread", "_osthread", 16},
	{"OSThread", "_thread_id", 8},
	{"ObjectMonitor", "_object", 8},
	{"JavaThread", "_monitor_owner_id", 24},
	{"JavaThread", "_lock_stack", 32},
	{"LockStack", "_top", 0},
	{"LockStack", "_base[0]", 8},
	{"ThreadsSMRSupport", "_java_thread_list", THREAD_LIST},
	{"ThreadsList", "_length", 8},
	{"ThreadsList", "_threads", 16},
};
#define NEW_ENTRIES 11

static uint64_t add_name(struct world *world, size_t number, const char *name)
{
	static uint8_t *region;

	if (number % NAMES_PER_REGION == 0)
		region = add_region(world, 100, NAMES + 32 * number, 256);
	strcpy((char *)region + number % NAMES_PER_REGION * 32, name);
	return NAMES + 32 * number;
}

/* Its entries, each of a type's name, a field's and the offset at 24; the last has none. */
static void add_table(struct world *world, const struct jvm_entry *entries, size_t count)
{
	uint64_t *variables = (uint64_t *)add_region(world, 100, VARIABLES, 48);
	uint64_t *entry = NULL;

	for (size_t i = 0; i <= count; i++) {
		if (i % ENTRIES_PER_REGION == 0)
			entry = (uint64_t *)add_region(
				world, 100, TABLE + i * STRIDE, ENTRIES_PER_REGION * STRIDE);
		if (i == count)
			break;
		entry[0] = add_name(world, 2 * i, entries[i].type);
		entry[1] = add_name(world, 2 * i + 1, entries[i].field);
		entry[3] = entry[4] = entries[i].offset;
		entry += STRIDE / 8;
	}
	memcpy(variables, (uint64_t[]){TABLE, STRIDE, 0, 8, 24, 32}, 48);
	world->memory.variable = find_variable;
}

static struct lock_frame enter[] = {
	{.pc = 0x1010, .slot = STACK, .function = "pthread_cond_timedwait", .module = "libc.so.6"},
	{.pc = 0x2010,
		.slot = STACK + 0x20,
		.function = "ObjectMonitor::EnterI(JavaThread*)",
		.module = "libjvm.so"},
	{.pc = 0x2110,
		.slot = STACK + 0x60,
		.function = "ObjectMonitor::enter(JavaThread*)",
		.module = "libjvm.so"},
	{.pc = 0x2210, .slot = STACK + 0xa0, .function = "run", .module = "libjvm.so"},
};
static struct lock_frame works[] = {
	{.pc = 0x1110, .slot = 0x9000, .function = "read", .module = "libc.so.6"},
	{.pc = 0x2310, .slot = 0x9100, .function = "run", .module = "libjvm.so"},
};

/* Thread 101 waits, for a second at a time, to enter the monitor that @owner has. */
static struct world *new_monitor_of(
	const struct jvm_entry *entries, size_t count, uint64_t owner, uint64_t header)
{
	struct world *world = new_world(3, 1);
	struct lock_thread *thread;
	uint64_t *monitor;

	add_process(world, 100, LIBC_GLIBC);
	add_table(world, entries, count);
	thread = add_thread(world, 100, 101);
	block(thread, CONDITION + 40, WAIT_PRIVATE, 0);
	thread->args[3] = 0x7ff0;
	set_stack(thread, enter, 4);
	thread = add_thread(world, 100, 102);
	thread->state = 'S';
	set_stack(thread, works, 2);
	((uint64_t *)add_region(world, 100, STACK, 256))[2] = MONITOR;
	((uint32_t *)add_region(world, 100, CONDITION, 48))[9] = 1 << 3;
	monitor = (uint64_t *)add_region(world, 100, MONITOR, 128);
	monitor[0] = header;
	monitor[1] = OBJECT; /* the handle, which holds the object's address */
	monitor[8] = owner;
	((uint64_t *)add_region(world, 100, JAVA_THREAD, 64))[2] = OS_THREAD;
	((uint32_t *)add_region(world, 100, OS_THREAD, 16))[2] = 102;
	return world;
}

static struct world *new_monitor(uint64_t owner, uint64_t header)
{
	return new_monitor_of(old_entries, OLD_ENTRIES, owner, header);
}

static void expect_world(struct world *world, bool is_known)
{
	judge(world);
	assert_int_equal(wait_of(world, 101)->kind, WAIT_RUNTIME);
	assert_int_equal(wait_of(world, 101)->owner != NULL, is_known);
	assert_int_equal(wait_of(world, 101)->futex.timed, !is_known);
	if (is_known) {
		assert_int_equal(wait_of(world, 101)->address, MONITOR);
		assert_int_equal(wait_of(world, 101)->owner->tid, 102);
		assert_int_equal(wait_of(world, 101)->certainty, CERTAINTY_EXACT);
	}
	free_world(world);
}

static void expect_monitor(uint64_t owner, uint64_t header, bool is_known)
{
	expect_world(new_monitor(owner, header), is_known);
}

/* JDK 24 and later: the owner is a number, or whoever has the object on its lock stack, as @locked
 * says. */
static void expect_numbered(uint64_t owner, bool locked, bool is_known)
{
	struct world *world = new_monitor_of(new_entries, NEW_ENTRIES, owner, 1);
	uint64_t *list = (uint64_t *)add_region(world, 100, THREAD_LIST, 64);
	uint64_t *object = (uint64_t *)add_region(world, 100, OBJECT, 8);
	uint64_t *java = (uint64_t *)world->regions[world->region_count - 4].bytes;

	*object = 0x7000;
	/* The pointer, and behind it the list with one thread. */
	list[0] = THREAD_LIST + 8;
	list[2] = 1;
	list[3] = THREAD_LIST + 32;
	list[4] = JAVA_THREAD;
	java[3] = 7;
	java[4] = locked ? 48 : 40; /* its lock stack's top, and what is on it */
	java[5] = 0x7000;
	expect_world(world, is_known);
}

static void test_monitor_of_later_java_is_held_by_a_number_or_a_lock_stack(void **state)
{
	expect_numbered(7, false, true);
	expect_numbered(8, false, false);
	expect_numbered(1, true, true);
	expect_numbered(1, false, false);
}

/* --- Java's classes */

static struct lock_frame initialize[] = {
	{.pc = 0x1010, .slot = STACK, .function = "pthread_cond_wait", .module = "libc.so.6"},
	{.pc = 0x2010,
		.slot = STACK + 0x20,
		.function = "os::PlatformEvent::park()",
		.module = "libjvm.so"},
	{.pc = 0x2110,
		.slot = STACK + 0x60,
		.function = "InstanceKlass::initialize_impl(JavaThread*)",
		.module = "libjvm.so"},
	{.pc = 0x2210, .slot = STACK + 0xa0, .function = "run", .module = "libjvm.so"},
};

static struct world *new_class(const char *between)
{
	struct world *world = new_monitor(0, 1);
	uint8_t *symbol = add_region(world, 100, SYMBOL, 16);
	uint64_t *klass = (uint64_t *)add_region(world, 100, KLASS, 64);

	initialize[1].function = between;
	set_stack(&world->snapshot.threads[0], initialize, 4);
	world->snapshot.threads[0].args[3] = 0;
	world->snapshot.threads[0].saved[0] = KLASS;
	world->snapshot.threads[0].saved_count = 1;
	klass[3] = SYMBOL;
	klass[4] = JAVA_THREAD;
	symbol[4] = 6;
	memcpy(symbol + 6, "Hang$A", 6);
	judge(world);
	return world;
}

static void test_class_that_another_thread_initializes_is_that_threads(void **state)
{
	struct world *world = new_class("ObjectMonitor::wait(long, bool, JavaThread*)");

	assert_int_equal(wait_of(world, 101)->kind, WAIT_ONCE);
	assert_string_equal(wait_of(world, 101)->name, "class Hang$A");
	assert_int_equal(wait_of(world, 101)->owner->tid, 102);
	assert_int_equal(wait_of(world, 101)->certainty, CERTAINTY_EXACT);
	free_world(world);
}

/* The initializer itself waits, for something else. */
static void test_condition_inside_an_initializer_is_no_wait_for_the_class(void **state)
{
	struct world *world = new_class("JVM_MonitorWait");

	assert_int_not_equal(wait_of(world, 101)->kind, WAIT_ONCE);
	assert_null(wait_of(world, 101)->owner);
	free_world(world);
}

static void test_monitor_of_java_is_held_by_a_thread_or_a_lock_on_its_stack(void **state)
{
	expect_monitor(JAVA_THREAD, 1, true);
	expect_monitor(0x9040, 1, true);
}

static void test_what_is_no_monitor_or_has_no_owner_tells_nothing(void **state)
{
	expect_monitor(JAVA_THREAD, 0x12340, false);
	expect_monitor(0, 1, false);
	expect_monitor(1, 1, false); /* anonymous: JDK 21 and later */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_absl_mutex_is_the_one_in_whose_queue_the_thread_is),
		cmocka_unit_test(test_word_that_is_no_queue_of_the_thread_is_not_its_absl_mutex),
		cmocka_unit_test(test_absl_condition_is_no_mutex_in_any_namespace),
		cmocka_unit_test(test_rwlock_of_qt_5_has_its_conditions_by_pointers),
		cmocka_unit_test(test_rwlock_of_qt_6_has_its_conditions_in_itself),
		cmocka_unit_test(test_recursive_mutex_of_qt_names_its_owner),
		cmocka_unit_test(test_plain_mutex_of_qt_names_nobody),
		cmocka_unit_test(test_monitor_of_java_is_held_by_a_thread_or_a_lock_on_its_stack),
		cmocka_unit_test(test_what_is_no_monitor_or_has_no_owner_tells_nothing),
		cmocka_unit_test(test_monitor_of_later_java_is_held_by_a_number_or_a_lock_stack),
		cmocka_unit_test(test_class_that_another_thread_initializes_is_that_threads),
		cmocka_unit_test(test_condition_inside_an_initializer_is_no_wait_for_the_class),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
