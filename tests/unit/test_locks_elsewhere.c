/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Waits whose word is not in the lock, and locks made of others: what stacks and names tell. */
#include "locks_fixture.h"

#define FLAG_A 0x605000
#define FLAG_B 0x605008
#define GUARD 0x606000
#define PI 32
#define FRAMES(array) (sizeof(array) / sizeof(*(array)))

/* A word on the stack at 0x7000 or 0x8000 that a world was made with. */
static void put_word(struct world *world, uint64_t address, uint64_t word)
{
	for (size_t i = 0; i < world->region_count; i++)
		if (address - world->regions[i].address < world->regions[i].size)
			memcpy(&world->regions[i].bytes[address - world->regions[i].address], &word,
				sizeof(word));
}

/* --- parked */

/* 101 has A and was refused B, which 102 has, who waits for A. */
static struct world *new_parked(void)
{
	struct world *world = new_world(4, 1);
	struct lock_thread *first, *second;

	add_process(world, 100, LIBC_GLIBC);
	first = add_thread(world, 100, 101);
	block(first, 0x7008, WAIT_PRIVATE, 0);
	set_stack(first, mutex_stack, MUTEX_FRAMES);
	second = add_thread(world, 100, 102);
	block(second, LOCK_A, LOCK_PI_PRIVATE, 0);
	set_stack(second, mutex_stack, MUTEX_FRAMES);
	add_mutex(world, 100, LOCK_A, 0x80000000 | 101, 101, PI);
	add_mutex(world, 100, LOCK_B, 102, 102, PI);
	add_region(world, 100, 0x7000, 64);
	return world;
}

static void test_parked_thread_may_have_but_the_address_of_the_kind_at_hand(void **state)
{
	struct world *world = new_parked();

	put_word(world, 0x7010, LOCK_B + 16);
	judge(world);
	assert_int_equal(wait_of(world, 101)->address, LOCK_B);
	assert_int_equal(wait_of(world, 101)->owner->tid, 102);
	assert_int_equal(world->findings.graph.cycles[0].count, 2);
	free_world(world);
}

static void test_parked_thread_wants_what_closes_the_cycle_not_what_it_has(void **state)
{
	struct world *world = new_parked();

	put_word(world, 0x7008, LOCK_A);
	put_word(world, 0x7018, LOCK_B);
	judge(world);
	assert_int_equal(wait_of(world, 101)->address, LOCK_B);
	assert_true(wait_of(world, 101)->parked);
	free_world(world);
}

/* --- libc++'s call_once */

#define CALL_ONCE "std::__1::__call_once(unsigned long volatile&, void*, void (*)(void*))"

static struct lock_frame once_in_once[] = {
	{.pc = 0x1010, .slot = 0x7000, .function = "pthread_cond_wait", .module = "libc.so.6"},
	{.pc = 0x2010, .slot = 0x7020, .function = CALL_ONCE, .module = "libc++.so.1.0"},
	{.pc = 0x401010, .slot = 0x7040, .function = "proxy", .module = "app"},
	{.pc = 0x2020, .slot = 0x7060, .function = CALL_ONCE, .module = "libc++.so.1.0"},
	{.pc = 0x401110, .slot = 0x7080, .function = "main", .module = "app"},
};

static struct lock_frame once_in_other[FRAMES(once_in_once)];

static struct world *new_libcxx_once(void)
{
	struct world *world = new_world(4, 1);
	struct lock_thread *first = add_thread(world, 100, 101);

	add_process(world, 100, LIBC_GLIBC);
	block(first, LOCK_C, WAIT_PRIVATE, 0);
	set_stack(first, once_in_once, FRAMES(once_in_once));
	add_region(world, 100, 0x7000, 256);
	((uint64_t *)add_region(world, 100, FLAG_A, 16))[0] = 1;
	put_word(world, FLAG_B, 1);
	return world;
}

static void test_libcxx_once_in_itself_is_known_by_its_flag(void **state)
{
	struct world *world = new_libcxx_once();

	put_word(world, 0x7010, FLAG_A); /* saved by what the inner one called */
	put_word(world, 0x7048, FLAG_A); /* and by what the outer one called */
	judge(world);
	assert_int_equal(wait_of(world, 101)->kind, WAIT_ONCE);
	assert_int_equal(wait_of(world, 101)->address, FLAG_A);
	assert_int_equal(world->findings.graph.cycles[0].verdict, VERDICT_SELF_DEADLOCK);
	free_world(world);
}

static void test_two_libcxx_onces_that_wait_for_each_other_are_two_locks(void **state)
{
	struct world *world = new_libcxx_once();
	struct lock_thread *second = add_thread(world, 100, 102);

	/* All wait on one condition variable of the library. */
	block(second, LOCK_C, WAIT_PRIVATE, 0);
	for (size_t i = 0; i < FRAMES(once_in_once); i++) {
		once_in_other[i] = once_in_once[i];
		once_in_other[i].slot += 0x1000;
	}
	set_stack(second, once_in_other, FRAMES(once_in_other));
	add_region(world, 100, 0x8000, 256);
	put_word(world, 0x7010, FLAG_B);
	put_word(world, 0x7048, FLAG_A);
	put_word(world, 0x8010, FLAG_A);
	put_word(world, 0x8048, FLAG_B);
	judge(world);
	assert_int_equal(wait_of(world, 101)->address, FLAG_B);
	assert_int_equal(wait_of(world, 101)->owner->tid, 102);
	assert_int_equal(wait_of(world, 102)->address, FLAG_A);
	assert_int_equal(wait_of(world, 102)->owner->tid, 101);
	assert_int_equal(world->findings.graph.cycles[0].verdict, VERDICT_DEADLOCK);
	free_world(world);
}

static void test_libcxx_once_that_nobody_runs_is_of_unknown_owner(void **state)
{
	struct world *world = new_libcxx_once();

	put_word(world, 0x7010, FLAG_A);
	judge(world);
	assert_null(wait_of(world, 101)->owner);
	assert_int_equal(verdict_of(world, 101), VERDICT_OWNER_UNKNOWN);
	free_world(world);
}

/* Each is in a once of its own and has the flag that all wait for at hand: that proves nothing. */
static void test_waiters_for_one_flag_are_not_taken_for_its_runners(void **state)
{
	static struct lock_frame stacks[3][FRAMES(once_in_once)];
	struct world *world = new_libcxx_once();

	for (int n = 0; n < 3; n++) {
		struct lock_thread *thread =
			n ? add_thread(world, 100, 101 + n) : &world->snapshot.threads[0];

		block(thread, LOCK_C, WAIT_PRIVATE, 0);
		for (size_t i = 0; i < FRAMES(once_in_once); i++) {
			stacks[n][i] = once_in_once[i];
			stacks[n][i].slot += n * 0x1000;
		}
		set_stack(thread, stacks[n], FRAMES(once_in_once));
		if (n)
			add_region(world, 100, 0x7000 + n * 0x1000, 256);
		put_word(world, 0x7010 + n * 0x1000, FLAG_A);
		put_word(world, 0x7028 + n * 0x1000, FLAG_A);
	}
	judge(world);
	for (int n = 0; n < 3; n++)
		assert_null(wait_of(world, 101 + n)->owner);
	assert_int_equal(world->findings.graph.cycle_count, 0);
	free_world(world);
}

/* --- libc++abi's guard */

static void test_libcxxabi_guard_says_who_initializes(void **state)
{
	struct lock_frame stack[] = {
		{.pc = 0x1010,
			.slot = 0x7000,
			.function = "pthread_cond_wait",
			.module = "libc.so.6"},
		{.pc = 0x2010,
			.slot = 0x7020,
			.function = "__cxa_guard_acquire",
			.module = "libc++abi.so.1.0"},
		{.pc = 0x401010, .slot = 0x7040, .function = "config()", .module = "app"},
	};
	struct world *world = new_world(4, 1);
	uint32_t *guard;

	add_process(world, 100, LIBC_GLIBC);
	block(add_thread(world, 100, 101), LOCK_C, WAIT_PRIVATE, 0);
	set_stack(&world->snapshot.threads[0], stack, FRAMES(stack));
	add_thread(world, 100, 102);
	add_region(world, 100, 0x7000, 64);
	put_word(world, 0x7018, GUARD);
	guard = (uint32_t *)add_region(world, 100, GUARD, 8);
	guard[0] = 0x600; /* pending, and somebody waits */
	guard[1] = 102;
	judge(world);
	assert_int_equal(wait_of(world, 101)->kind, WAIT_GUARD);
	assert_int_equal(wait_of(world, 101)->address, GUARD);
	assert_int_equal(wait_of(world, 101)->owner->tid, 102);
	assert_int_equal(wait_of(world, 101)->certainty, CERTAINTY_EXACT);
	free_world(world);
}

/* --- names */

/* The kind of a wait of which only these frames are known; called[i] is what frame i called. */
static enum wait_kind kind_of(const char *innermost, const char *inner_module, const char *next,
	const char *called, uint64_t *address)
{
	struct lock_frame stack[] = {
		{.pc = 0x1010, .slot = 0x7000, .function = innermost, .module = inner_module},
		{.pc = 0x2010, .slot = 0x7020, .function = next, .called = called, .module = "app"},
	};
	struct world *world = new_world(1, 1);
	enum wait_kind kind;

	add_process(world, 100, LIBC_GLIBC);
	block(add_thread(world, 100, 100), LOCK_A, WAIT_PRIVATE, 7);
	set_stack(&world->snapshot.threads[0], stack, 2);
	memset(add_region(world, 100, LOCK_A - 64, 192), 0, 192);
	judge(world);
	kind = wait_of(world, 100)->kind;
	if (address)
		*address = wait_of(world, 100)->address;
	free_world(world);
	return kind;
}

static void test_suffixes_of_compilers_do_not_hide_a_function(void **state)
{
	assert_int_equal(kind_of("__new_sem_wait_slow64.constprop.0", "app", "main", NULL, NULL),
		WAIT_SEMAPHORE);
	assert_int_equal(kind_of("pthread_barrier_wait [clone .part.0]", "app", "main", NULL, NULL),
		WAIT_BARRIER);
}

static void test_stripped_library_is_known_by_what_its_caller_called(void **state)
{
	assert_int_equal(
		kind_of(NULL, "libglib-2.0.so.0", "main", "g_mutex_lock", NULL), WAIT_RUNTIME);
	assert_int_equal(kind_of(NULL, "libgomp.so.1", "main._omp_fn.0", "GOMP_barrier", NULL),
		WAIT_BARRIER);
	/* But not by what is called further out. */
	assert_int_equal(kind_of("work", "app", "main", "pthread_join", NULL), WAIT_UNKNOWN);
}

static void test_idle_threads_of_runtimes_wait_for_no_lock(void **state)
{
	assert_int_equal(
		kind_of("runtime.futex", "god", "runtime.notesleep", NULL, NULL), WAIT_PARK);
	assert_int_equal(
		kind_of("runtime.futex", "god", "runtime.lock2", NULL, NULL), WAIT_RUNTIME);
	assert_false(wait_kind__has_holder(WAIT_PARK));
}

static void test_layout_that_does_not_fit_leaves_the_word_its_own_address(void **state)
{
	uint64_t address;

	assert_int_equal(kind_of("work", "app", "main", NULL, &address), WAIT_UNKNOWN);
	assert_int_equal(address, LOCK_A);
}

static void test_lock_made_of_a_condition_is_no_stall(void **state)
{
	struct lock_frame stack[] = {
		{.pc = 0x1010,
			.slot = 0x7000,
			.function = "pthread_cond_wait",
			.module = "libc.so.6"},
		{.pc = 0x2010,
			.slot = 0x7020,
			.function = "std::__1::condition_variable::wait(...)",
			.module = "libc++.so.1.0"},
		{.pc = 0x2110,
			.slot = 0x7040,
			.function = "std::__1::__shared_mutex_base::lock()",
			.module = "libc++.so.1.0"},
		{.pc = 0x401010, .slot = 0x7060, .function = "main", .module = "app"},
	};
	struct world *world = new_world(1, 1);

	add_process(world, 100, LIBC_GLIBC);
	block(add_thread(world, 100, 100), LOCK_A, WAIT_PRIVATE, 0);
	set_stack(&world->snapshot.threads[0], stack, FRAMES(stack));
	judge(world);
	assert_int_equal(wait_of(world, 100)->kind, WAIT_WRITE_LOCK);
	assert_int_equal(verdict_of(world, 100), VERDICT_OWNER_UNKNOWN);
	free_world(world);
}

/* --- several words */

static void test_of_several_words_none_has_an_owner_and_the_first_is_named(void **state)
{
	struct world *world = new_world(1, 1);
	struct lock_thread *thread = add_thread(world, 100, 100);
	struct futex_vector *vector;

	add_process(world, 100, LIBC_GLIBC);
	thread->state = 'S';
	thread->syscall = 449; /* futex_waitv */
	thread->args[0] = 0x7000;
	thread->args[1] = 2;
	vector = (struct futex_vector *)add_region(world, 100, 0x7000, sizeof(*vector) * 2);
	vector[0] = (struct futex_vector){.uaddr = LOCK_A, .flags = 2 | FUTEX2_FLAG_PRIVATE};
	vector[1] = (struct futex_vector){.uaddr = LOCK_B, .flags = 2};
	add_mutex(world, 100, LOCK_A, 2, 100, 0); /* it is not asked who has it */
	judge(world);
	assert_int_equal(wait_of(world, 100)->kind, WAIT_VECTOR);
	assert_int_equal(wait_of(world, 100)->address, LOCK_A);
	assert_int_equal(wait_of(world, 100)->word_count, 2);
	assert_int_equal(wait_of(world, 100)->words[1], LOCK_B);
	assert_null(wait_of(world, 100)->owner);
	assert_int_equal(verdict_of(world, 100), VERDICT_OWNER_UNKNOWN);
	free_world(world);
}

static void test_words_that_cannot_be_read_are_not_told(void **state)
{
	struct world *world = new_world(1, 1);
	struct lock_thread *thread = add_thread(world, 100, 100);

	add_process(world, 100, LIBC_GLIBC);
	thread->state = 'S';
	thread->syscall = 449;
	thread->args[0] = 0x7000;
	thread->args[1] = UINT32_MAX;
	judge(world);
	assert_int_equal(wait_of(world, 100)->kind, WAIT_VECTOR);
	assert_int_equal(wait_of(world, 100)->word_count, 0);
	free_world(world);
}

/* --- Rust's once, whose word is the futex */

static void test_rusts_once_is_held_by_who_has_its_word_at_hand(void **state)
{
	static const char name[] = "<std::sys::sync::once::futex::Once>::call";
	struct lock_frame stack[] = {
		{.pc = 0x1010, .slot = 0x7000, .function = "syscall", .module = "libc.so.6"},
		{.pc = 0x401010, .slot = 0x7010, .function = name, .module = "app"},
		{.pc = 0x401110, .slot = 0x7040, .function = "app::init", .module = "app"},
		{.pc = 0x401020, .slot = 0x7060, .function = name, .module = "app"},
		{.pc = 0x401210, .slot = 0x7080, .function = "app::main", .module = "app"},
	};
	struct world *world = new_world(1, 1);

	add_process(world, 100, LIBC_GLIBC);
	block(add_thread(world, 100, 100), FLAG_A, WAIT_PRIVATE, 4);
	set_stack(&world->snapshot.threads[0], stack, FRAMES(stack));
	add_region(world, 100, 0x7000, 256);
	put_word(world, 0x7068, FLAG_A);
	judge(world);
	assert_int_equal(wait_of(world, 100)->kind, WAIT_ONCE);
	assert_int_equal(wait_of(world, 100)->owner->tid, 100);
	free_world(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parked_thread_may_have_but_the_address_of_the_kind_at_hand),
		cmocka_unit_test(test_parked_thread_wants_what_closes_the_cycle_not_what_it_has),
		cmocka_unit_test(test_libcxx_once_in_itself_is_known_by_its_flag),
		cmocka_unit_test(test_two_libcxx_onces_that_wait_for_each_other_are_two_locks),
		cmocka_unit_test(test_waiters_for_one_flag_are_not_taken_for_its_runners),
		cmocka_unit_test(test_libcxx_once_that_nobody_runs_is_of_unknown_owner),
		cmocka_unit_test(test_libcxxabi_guard_says_who_initializes),
		cmocka_unit_test(test_suffixes_of_compilers_do_not_hide_a_function),
		cmocka_unit_test(test_stripped_library_is_known_by_what_its_caller_called),
		cmocka_unit_test(test_idle_threads_of_runtimes_wait_for_no_lock),
		cmocka_unit_test(test_layout_that_does_not_fit_leaves_the_word_its_own_address),
		cmocka_unit_test(test_lock_made_of_a_condition_is_no_stall),
		cmocka_unit_test(test_of_several_words_none_has_an_owner_and_the_first_is_named),
		cmocka_unit_test(test_words_that_cannot_be_read_are_not_told),
		cmocka_unit_test(test_rusts_once_is_held_by_who_has_its_word_at_hand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
