/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Takes locks in orders of which the truth is known. None of the cases hangs, as they never do what
 * they make possible.
 *
 *	order list	names, each with the number of cycles that are right
 *	order CASE	runs it; "done" at the end
 */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t a_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t b_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t c_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t gate_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t x_rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_rwlock_t y_rwlock = PTHREAD_RWLOCK_INITIALIZER;

typedef void body(void);

static void *run_body(void *argument)
{
	(*(body **)argument)();
	return NULL;
}

/* One after the other: they never run at the same time. */
static void run_in_turn(body *first, body *second)
{
	body *bodies[] = {first, second};
	pthread_t thread;

	for (int i = 0; i < 2; i++) {
		pthread_create(&thread, NULL, run_body, &bodies[i]);
		pthread_join(thread, NULL);
	}
}

/* Both live at the same time, and do their work one after the other. */
static pthread_barrier_t both;
static body *early, *late;

static void *run_early(void *unused)
{
	(void)unused;
	pthread_barrier_wait(&both);
	early();
	pthread_barrier_wait(&both);
	return NULL;
}

static void *run_late(void *unused)
{
	(void)unused;
	pthread_barrier_wait(&both);
	pthread_barrier_wait(&both);
	late();
	return NULL;
}

static void run_together(body *first, body *second)
{
	pthread_t threads[2];

	early = first;
	late = second;
	pthread_barrier_init(&both, NULL, 2);
	pthread_create(&threads[0], NULL, run_early, NULL);
	pthread_create(&threads[1], NULL, run_late, NULL);
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
}

static void take_both(pthread_mutex_t *first, pthread_mutex_t *second)
{
	pthread_mutex_lock(first);
	pthread_mutex_lock(second);
	pthread_mutex_unlock(second);
	pthread_mutex_unlock(first);
}

static void take_a_then_b(void)
{
	pthread_mutex_lock(&a_lock);
	pthread_mutex_lock(&b_lock);
	pthread_mutex_unlock(&b_lock);
	pthread_mutex_unlock(&a_lock);
}

static void take_b_then_a(void)
{
	pthread_mutex_lock(&b_lock);
	pthread_mutex_lock(&a_lock);
	pthread_mutex_unlock(&a_lock);
	pthread_mutex_unlock(&b_lock);
}

static void run_abba(void)
{
	run_together(take_a_then_b, take_b_then_a);
}

static void run_apart(void)
{
	run_in_turn(take_a_then_b, take_b_then_a);
}

static void run_alone(void)
{
	take_a_then_b();
	take_b_then_a();
}

static void run_same_order(void)
{
	run_together(take_a_then_b, take_a_then_b);
}

/* --- a gate around both */

static void gated_ab(void)
{
	pthread_mutex_lock(&gate_lock);
	take_a_then_b();
	pthread_mutex_unlock(&gate_lock);
}

static void gated_ba(void)
{
	pthread_mutex_lock(&gate_lock);
	take_b_then_a();
	pthread_mutex_unlock(&gate_lock);
}

static void run_gate(void)
{
	run_together(gated_ab, gated_ba);
}

/* The gate is around one of the two only once it has been around both. */
static void gated_ba_then_bare(void)
{
	gated_ba();
	take_b_then_a();
}

static void run_gate_left_open(void)
{
	run_together(gated_ab, gated_ba_then_bare);
}

/* --- locks that are tried */

static void take_a_try_b(void)
{
	pthread_mutex_lock(&a_lock);
	if (!pthread_mutex_trylock(&b_lock))
		pthread_mutex_unlock(&b_lock);
	pthread_mutex_unlock(&a_lock);
}

static void run_try(void)
{
	run_together(take_a_try_b, take_b_then_a);
}

static void try_a_take_b(void)
{
	if (pthread_mutex_trylock(&a_lock))
		abort();
	pthread_mutex_lock(&b_lock);
	pthread_mutex_unlock(&b_lock);
	pthread_mutex_unlock(&a_lock);
}

static void run_try_held(void)
{
	run_together(try_a_take_b, take_b_then_a);
}

static void timed_a_take_b(void)
{
	struct timespec soon;

	clock_gettime(CLOCK_REALTIME, &soon);
	soon.tv_sec += 5;
	if (pthread_mutex_timedlock(&a_lock, &soon))
		abort();
	pthread_mutex_lock(&b_lock);
	pthread_mutex_unlock(&b_lock);
	pthread_mutex_unlock(&a_lock);
}

static void run_timed_held(void)
{
	run_together(timed_a_take_b, take_b_then_a);
}

/* A try that fails holds nothing. */
static void try_in_vain(void)
{
	if (pthread_mutex_trylock(&a_lock) != EBUSY)
		abort();
	pthread_mutex_lock(&b_lock);
	pthread_mutex_unlock(&b_lock);
}

static void run_try_failed(void)
{
	body *bodies[] = {try_in_vain};
	pthread_t thread;

	pthread_mutex_lock(&a_lock);
	pthread_create(&thread, NULL, run_body, &bodies[0]);
	pthread_join(thread, NULL);
	pthread_mutex_unlock(&a_lock);
	take_b_then_a();
}

/* --- reading and writing */

static void read_x_then_y(void)
{
	pthread_rwlock_rdlock(&x_rwlock);
	pthread_rwlock_rdlock(&y_rwlock);
	pthread_rwlock_unlock(&y_rwlock);
	pthread_rwlock_unlock(&x_rwlock);
}

static void read_y_then_x(void)
{
	pthread_rwlock_rdlock(&y_rwlock);
	pthread_rwlock_rdlock(&x_rwlock);
	pthread_rwlock_unlock(&x_rwlock);
	pthread_rwlock_unlock(&y_rwlock);
}

static void run_readers(void)
{
	run_together(read_x_then_y, read_y_then_x);
}

static void write_each(void)
{
	pthread_rwlock_wrlock(&x_rwlock);
	pthread_rwlock_unlock(&x_rwlock);
	pthread_rwlock_wrlock(&y_rwlock);
	pthread_rwlock_unlock(&y_rwlock);
}

static void run_readers_and_writer(void)
{
	run_together(read_x_then_y, read_y_then_x);
	write_each();
}

#ifdef __GLIBC__
static void run_readers_for_writers(void)
{
	pthread_rwlockattr_t attributes;

	pthread_rwlockattr_init(&attributes);
	pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&x_rwlock, &attributes);
	pthread_rwlock_init(&y_rwlock, &attributes);
	run_together(read_x_then_y, read_y_then_x);
}
#endif

static void read_x_take_a(void)
{
	pthread_rwlock_rdlock(&x_rwlock);
	pthread_mutex_lock(&a_lock);
	pthread_mutex_unlock(&a_lock);
	pthread_rwlock_unlock(&x_rwlock);
}

static void take_a_write_x(void)
{
	pthread_mutex_lock(&a_lock);
	pthread_rwlock_wrlock(&x_rwlock);
	pthread_rwlock_unlock(&x_rwlock);
	pthread_mutex_unlock(&a_lock);
}

static void run_read_write(void)
{
	run_together(read_x_take_a, take_a_write_x);
}

static void run_read_twice(void)
{
	pthread_rwlock_rdlock(&x_rwlock);
	pthread_rwlock_rdlock(&x_rwlock);
	pthread_rwlock_unlock(&x_rwlock);
	pthread_rwlock_unlock(&x_rwlock);
}

/* --- recursive, error-checking, robust, PI */

static void set_type(pthread_mutex_t *lock, int type, bool robust, bool inherits)
{
	pthread_mutexattr_t attributes;

	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_settype(&attributes, type);
	if (robust)
		pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
	if (inherits)
		pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT);
	pthread_mutex_init(lock, &attributes);
}

/* Taken again while another lock is held: no order, as it is held already. */
static void take_recursively(void)
{
	pthread_mutex_lock(&a_lock);
	pthread_mutex_lock(&b_lock);
	pthread_mutex_lock(&a_lock);
	pthread_mutex_unlock(&a_lock);
	pthread_mutex_unlock(&b_lock);
	pthread_mutex_unlock(&a_lock);
}

static void run_recursive(void)
{
	set_type(&a_lock, PTHREAD_MUTEX_RECURSIVE, false, false);
	run_together(take_recursively, take_a_then_b);
}

/* After the inner unlock it is still held. */
static void hold_recursively(void)
{
	pthread_mutex_lock(&a_lock);
	pthread_mutex_lock(&a_lock);
	pthread_mutex_unlock(&a_lock);
	pthread_mutex_lock(&b_lock);
	pthread_mutex_unlock(&b_lock);
	pthread_mutex_unlock(&a_lock);
}

static void run_recursive_held(void)
{
	set_type(&a_lock, PTHREAD_MUTEX_RECURSIVE, false, false);
	run_together(hold_recursively, take_b_then_a);
}

static void run_error_check(void)
{
	set_type(&a_lock, PTHREAD_MUTEX_ERRORCHECK, false, false);
	pthread_mutex_lock(&a_lock);
	if (pthread_mutex_lock(&a_lock) != EDEADLK)
		abort();
	pthread_mutex_unlock(&a_lock);
	take_b_then_a();
}

static void die_with_a(void)
{
	pthread_mutex_lock(&a_lock);
}

static void inherit_a_take_b(void)
{
	if (pthread_mutex_lock(&a_lock) != EOWNERDEAD)
		abort();
	pthread_mutex_consistent(&a_lock);
	pthread_mutex_lock(&b_lock);
	pthread_mutex_unlock(&b_lock);
	pthread_mutex_unlock(&a_lock);
}

static void run_robust(void)
{
	set_type(&a_lock, PTHREAD_MUTEX_NORMAL, true, false);
	run_in_turn(die_with_a, inherit_a_take_b);
	run_together(take_a_then_b, take_b_then_a);
}

static void run_inheriting(void)
{
	set_type(&a_lock, PTHREAD_MUTEX_NORMAL, false, true);
	set_type(&b_lock, PTHREAD_MUTEX_NORMAL, false, true);
	run_together(take_a_then_b, take_b_then_a);
}

static pthread_spinlock_t a_spin, b_spin;

static void spin_ab(void)
{
	pthread_spin_lock(&a_spin);
	pthread_spin_lock(&b_spin);
	pthread_spin_unlock(&b_spin);
	pthread_spin_unlock(&a_spin);
}

static void spin_ba(void)
{
	pthread_spin_lock(&b_spin);
	pthread_spin_lock(&a_spin);
	pthread_spin_unlock(&a_spin);
	pthread_spin_unlock(&b_spin);
}

static void run_spin(void)
{
	pthread_spin_init(&a_spin, PTHREAD_PROCESS_PRIVATE);
	pthread_spin_init(&b_spin, PTHREAD_PROCESS_PRIVATE);
	run_together(spin_ab, spin_ba);
}

/* --- longer cycles */

#define MOST_LOCKS 200
static pthread_mutex_t ring_locks[MOST_LOCKS];
static size_t ring_size;

struct place {
	pthread_t thread;
	size_t number;
};

static pthread_barrier_t table;

/* A philosopher, who waits for his turn. */
static void *dine(void *argument)
{
	size_t number = ((struct place *)argument)->number;

	pthread_barrier_wait(&table);
	for (size_t turn = 0; turn < ring_size; turn++) {
		if (turn == number)
			take_both(&ring_locks[number], &ring_locks[(number + 1) % ring_size]);
		pthread_barrier_wait(&table);
	}
	return NULL;
}

static void run_ring(size_t size)
{
	static struct place places[MOST_LOCKS];

	ring_size = size;
	pthread_barrier_init(&table, NULL, size);
	for (size_t i = 0; i < size; i++) {
		pthread_mutex_init(&ring_locks[i], NULL);
		places[i].number = i;
		pthread_create(&places[i].thread, NULL, dine, &places[i]);
	}
	for (size_t i = 0; i < size; i++)
		pthread_join(places[i].thread, NULL);
}

static void run_ring3(void)
{
	run_ring(3);
}

static void run_ring5(void)
{
	run_ring(5);
}

static void run_ring30(void)
{
	run_ring(30);
}

static void run_ring200(void)
{
	run_ring(200);
}

/* --- what is another lock at the same address */

static void run_reinitialized(void)
{
	take_a_then_b();
	pthread_mutex_destroy(&a_lock);
	pthread_mutex_init(&a_lock, NULL);
	take_b_then_a();
}

struct object {
	char name[24];
	pthread_mutex_t lock;
	char data[40];
};

static struct object *make_object(void)
{
	static const pthread_mutex_t unlocked = PTHREAD_MUTEX_INITIALIZER;
	struct object *object = calloc(1, sizeof(*object));

	/* As C++ makes a std::mutex: no function is called. */
	object->lock = unlocked;
	return object;
}

/* Locks on a thread's own stack are gone with their function, and with the thread. */
__attribute__((noinline)) static void take_own(bool swapped)
{
	pthread_mutex_t locks[2] = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER};

	take_both(&locks[swapped], &locks[!swapped]);
}

static void *run_own(void *swapped)
{
	take_own(swapped);
	return NULL;
}

static void run_stack_reused(void)
{
	for (int i = 0; i < 4; i++) {
		pthread_t thread;

		pthread_create(&thread, NULL, run_own, i & 1 ? &both : NULL);
		pthread_join(thread, NULL);
	}
	take_own(false);
	/* A call from further out shows that the function has returned. */
	pthread_mutex_lock(&a_lock);
	pthread_mutex_unlock(&a_lock);
	take_own(true);
}

static pthread_mutex_t *lent[2];

static void take_lent(void)
{
	take_both(lent[0], lent[1]);
}

static void take_lent_swapped(void)
{
	take_both(lent[1], lent[0]);
}

/* On one stack, but for two other threads. */
static void run_stack_lent(void)
{
	pthread_mutex_t first = PTHREAD_MUTEX_INITIALIZER, second = PTHREAD_MUTEX_INITIALIZER;

	lent[0] = &first;
	lent[1] = &second;
	take_lent();
	run_together(take_lent, take_lent_swapped);
}

static void run_reused(void)
{
	struct object *first = make_object(), *second;
	void *kept = first;

	take_both(&a_lock, &first->lock);
	free(first);
	second = make_object();
	if ((void *)second != kept)
		printf("not at the same address\n");
	take_both(&second->lock, &a_lock);
	free(second);
}

#define OTHERS 100000

/* An old order, and many other locks since. */
static void run_after_many(void)
{
	pthread_mutex_t *others = calloc(OTHERS, sizeof(*others));

	run_in_turn(take_a_then_b, take_a_then_b);
	for (size_t i = 0; i < OTHERS; i++) {
		pthread_mutex_init(&others[i], NULL);
		take_both(&c_lock, &others[i]);
	}
	take_b_then_a();
	free(others);
}

/* --- conditions, and unlocks by others */

static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool has_changed;

/* It waits with a_lock, which it holds, while it takes b_lock again. */
static void wait_with_a(void)
{
	pthread_mutex_lock(&b_lock);
	pthread_mutex_lock(&a_lock);
	while (!has_changed)
		pthread_cond_wait(&changed, &b_lock);
	pthread_mutex_unlock(&a_lock);
	pthread_mutex_unlock(&b_lock);
}

static void *change(void *unused)
{
	(void)unused;
	usleep(20000);
	pthread_mutex_lock(&b_lock);
	has_changed = true;
	pthread_cond_signal(&changed);
	pthread_mutex_unlock(&b_lock);
	return NULL;
}

static void run_condition(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, change, NULL);
	wait_with_a();
	pthread_join(thread, NULL);
	run_in_turn(take_b_then_a, take_b_then_a);
}

static void unlock_a(void)
{
	pthread_mutex_unlock(&a_lock);
}

/* Once another thread has let it go, it is no longer held. */
static void run_handed_over(void)
{
	body *bodies[] = {unlock_a};
	pthread_t thread;

	pthread_mutex_lock(&a_lock);
	pthread_create(&thread, NULL, run_body, &bodies[0]);
	pthread_join(thread, NULL);
	pthread_mutex_lock(&b_lock);
	pthread_mutex_unlock(&b_lock);
	take_b_then_a();
}

/* Two processes, two mutexes that both map. */
static void run_between_processes(void)
{
	pthread_mutexattr_t attributes;
	pthread_mutex_t *locks =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t child;

	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(&locks[0], &attributes);
	pthread_mutex_init(&locks[1], &attributes);
	child = fork();
	if (!child) {
		take_both(&locks[0], &locks[1]);
		usleep(200000);
		_exit(0);
	}
	waitpid(child, NULL, 0);
	take_both(&locks[1], &locks[0]);
	usleep(200000);
}

/* Two inversions in different places, and one of them again for other locks. */
static pthread_mutex_t pairs[6];
/* The compiler is not to know: else it has a place for each. */
static volatile int pair_locks = 6;

static void take_pairs(void)
{
	for (int i = 0; i < pair_locks; i += 2)
		take_both(&pairs[i], &pairs[i + 1]);
}

static void take_pairs_backwards(void)
{
	for (int i = 0; i < pair_locks; i += 2)
		take_both(&pairs[i + 1], &pairs[i]);
}

static void run_twice(void)
{
	for (int i = 0; i < 6; i++)
		pthread_mutex_init(&pairs[i], NULL);
	run_together(take_pairs, take_pairs_backwards);
	run_together(take_a_then_b, take_b_then_a);
}

static const struct {
	const char *name;
	body *run;
	int cycles;
} cases[] = {
	{"abba", run_abba, 1},
	{"apart", run_apart, 1},
	{"alone", run_alone, 1},
	{"same-order", run_same_order, 0},
	{"gate", run_gate, 0},
	{"gate-left-open", run_gate_left_open, 1},
	{"try", run_try, 0},
	{"try-held", run_try_held, 1},
	{"try-failed", run_try_failed, 0},
	{"timed-held", run_timed_held, 1},
	{"readers", run_readers, 0},
	{"readers-and-writer", run_readers_and_writer, 1},
#ifdef __GLIBC__
	{"readers-for-writers", run_readers_for_writers, 1},
#endif
	{"read-write", run_read_write, 1},
	{"read-twice", run_read_twice, 0},
	{"recursive", run_recursive, 0},
	{"recursive-held", run_recursive_held, 1},
	{"error-check", run_error_check, 0},
	{"robust", run_robust, 1},
	{"inheriting", run_inheriting, 1},
	{"spin", run_spin, 1},
	{"ring3", run_ring3, 1},
	{"ring5", run_ring5, 1},
	{"ring30", run_ring30, 1},
	{"ring200", run_ring200, 1},
	{"reinitialized", run_reinitialized, 0},
	{"reused", run_reused, 0},
	{"stack-reused", run_stack_reused, 0},
	{"stack-lent", run_stack_lent, 1},
	{"after-many", run_after_many, 1},
	{"condition", run_condition, 1},
	{"handed-over", run_handed_over, 0},
	{"between-processes", run_between_processes, 1},
	{"twice", run_twice, 2},
};

int main(int argc, char **argv)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (argc == 2 && !strcmp(argv[1], "list")) {
			printf("%s %d\n", cases[i].name, cases[i].cycles);
		} else if (argc == 2 && !strcmp(argv[1], cases[i].name)) {
			cases[i].run();
			puts("done");
			return 0;
		}
	}
	return argc == 2 && !strcmp(argv[1], "list") ? 0 : 2;
}
