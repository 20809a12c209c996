#include "attach/tracer.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "attach/features.h"
#include "attach/links.h"
#include "attach/plan.h"
#include "attach/unwinding.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/vec.h"
#include "tracer.skel.h"

/* Numbers of process images start at 1: 0 is none. */
#define FIRST_PROCESS 1

/* A traced process: the image that its PID stands for now. */
struct traced {
	uint32_t process;
	bool has_loader;     /* it maps a loader that waits for us: no library is late */
	uint32_t removals;   /* of its space, when last looked at */
	uint32_t generation; /* the same */
};

static inline uint64_t pid_hash(pid_t pid)
{
	return hash_mix(pid);
}

static inline bool pid_equal(pid_t a, pid_t b)
{
	return a == b;
}

DEFINE_HASH(traced_map, pid_t, struct traced, pid_hash, pid_equal);

/* Module id and PID (0: all): one attachment. */
static inline uint64_t attachment_hash(uint64_t key)
{
	return hash_mix(key);
}

static inline bool attachment_equal(uint64_t a, uint64_t b)
{
	return a == b;
}

DEFINE_HASH(attachment_set, uint64_t, bool, attachment_hash, attachment_equal);

struct tracer {
	struct tracer_options options;
	struct tracer_callbacks callbacks;
	struct modules *modules;
	struct spaces *spaces;
	struct tracer_bpf *skel;
	struct tracer_shared *shared;
	struct ring_buffer *control;
	struct links *links;
	struct unwinding *unwinding; /* NULL: stacks are not walked by tables */
	enum link_kind link_kind;
	bool wide_nops;
	struct traced_map traced;
	struct attachment_set attached;
	struct attachment_set loaders; /* ids of modules whose loader hook is probed */
	size_t site_count;
	bool has_allocator;
	bool met_stripped_static;
	uint64_t late_attachments;
};

/* --- loading */

/* More than this in one allocation fails: it is all the memory that there is. */
static uint64_t impossible_size(void)
{
	struct sysinfo info;
	char mode = '0';
	int fd = open("/proc/sys/vm/overcommit_memory", O_RDONLY | O_CLOEXEC);

	if (fd >= 0) {
		if (read(fd, &mode, 1) != 1)
			mode = '1';
		close(fd);
	}
	/* With overcommitment only the address space is a bound. */
	if (mode == '1' || sysinfo(&info))
		return 1ull << 47;
	return ((uint64_t)info.totalram + info.totalswap) * info.mem_unit;
}

/* The programs of one kind of link, by enum probe_program. */
struct program_pair {
	struct bpf_program *entry;
	struct bpf_program *back; /* at return; NULL: none */
	struct bpf_program *session;
};

static struct program_pair programs_of(const struct tracer *tracer, enum probe_program program)
{
	struct tracer_bpf *skel = tracer->skel;

	switch (program) {
	case PROBE_PROGRAM_ALLOC:
		return (struct program_pair){skel->progs.alloc_entry, skel->progs.alloc_return,
			skel->progs.alloc_session};
	case PROBE_PROGRAM_DELETE:
		return (struct program_pair){skel->progs.delete_entry, skel->progs.delete_return,
			skel->progs.delete_session};
	case PROBE_PROGRAM_FREE:
		return (struct program_pair){.entry = skel->progs.free_entry};
	case PROBE_PROGRAM_HINT:
		return (struct program_pair){.entry = skel->progs.hint_entry};
	default:
		return (struct program_pair){.entry = skel->progs.loader_entry};
	}
}

/* Every program is loaded for one kind of link; those of the other kinds are left out. */
static void choose_programs(struct tracer *tracer)
{
	for (int i = 0; i < PROBE_PROGRAM_COUNT; i++) {
		struct program_pair pair = programs_of(tracer, i);
		bool session = tracer->link_kind == LINK_SESSION && pair.session;

		if (pair.session) {
			bpf_program__set_autoload(pair.session, session);
			bpf_program__set_autoload(pair.entry, !session);
			bpf_program__set_autoload(pair.back, !session);
			links__prepare_program(pair.session, LINK_SESSION);
		}
		links__prepare_program(
			pair.entry, tracer->link_kind == LINK_PERF ? LINK_PERF : LINK_MULTI);
		if (pair.back)
			links__prepare_program(
				pair.back, tracer->link_kind == LINK_PERF ? LINK_PERF : LINK_MULTI);
	}
}

static int open_programs(struct tracer *tracer, struct error *err)
{
	struct tracer_bpf *skel = tracer_bpf__open();

	if (!skel)
		return error__set(err, -errno, "cannot open the BPF programs: %m");
	tracer->skel = skel;
	choose_programs(tracer);
	skel->rodata->stack_mode = tracer->options.stacks;
	skel->rodata->max_frames = tracer->options.max_frames;
	skel->rodata->wakeup_bytes = tracer->options.ring_size / 4;
	skel->rodata->impossible_size = impossible_size();
	skel->rodata->hold_limit_ns = tracer->options.hold_limit_ns;
	bpf_map__set_max_entries(skel->maps.ring, tracer->options.ring_size);
	return 0;
}

static int load_programs(struct tracer *tracer, struct error *err)
{
	int code = tracer_bpf__load(tracer->skel);

	if (code == -EPERM)
		return error__set(err, code,
			"no permission to load BPF programs: run as root, or with CAP_BPF, "
			"CAP_PERFMON and CAP_SYS_PTRACE (see memtrace doctor)");
	if (code)
		return error__set(err, code,
			"the kernel refuses the BPF programs: %s (see memtrace doctor)",
			strerror(-code));
	tracer->shared = &tracer->skel->bss->shared;
	tracer->shared->next_process = FIRST_PROCESS;
	return 0;
}

/* Process life through BTF tracepoints; memory system calls through syscall tracepoints. */
static int attach_tracepoints(struct tracer *tracer, struct error *err)
{
	struct bpf_program *program;
	int code;

	bpf_object__for_each_program(program, tracer->skel->obj)
	{
		const char *section = bpf_program__section_name(program);

		if (strncmp(section, "tp_btf/", 7) == 0)
			code = links__attach_btf_tracepoint(tracer->links, program, err);
		else if (strncmp(section, "tp/syscalls/", 12) == 0)
			code = links__attach_tracepoint(
				tracer->links, program, "syscalls", section + 12, err);
		else
			continue;
		if (code)
			return code;
	}
	return 0;
}

static int prepare_unwinding(struct tracer *tracer, struct error *err)
{
	struct unwind_maps_fds fds = {
		.spaces = bpf_map__fd(tracer->skel->maps.unwind_spaces),
		.ranges = bpf_map__fd(tracer->skel->maps.unwind_ranges),
		.segments = bpf_map__fd(tracer->skel->maps.unwind_segments),
	};

	if (tracer->options.stacks != STACKS_CFI)
		return 0;
	tracer->unwinding = unwinding__new(&fds, &tracer->skel->bss->unwind_shared, err);
	return tracer->unwinding ? 0 : -ENOMEM;
}

static int handle_control_record(void *context, void *data, size_t size);

static int prepare_tracer(struct tracer *tracer, struct error *err)
{
	int code;

	tracer->links = links__new();
	if (!tracer->links)
		return error__set(err, -ENOMEM, "out of memory");
	tracer->link_kind = features__best_link_kind();
	tracer->wide_nops = features__emulates_wide_nops();
	code = open_programs(tracer, err);
	if (!code)
		code = load_programs(tracer, err);
	if (!code)
		code = prepare_unwinding(tracer, err);
	if (!code)
		code = attach_tracepoints(tracer, err);
	if (code)
		return code;
	tracer->control = ring_buffer__new(
		bpf_map__fd(tracer->skel->maps.control_ring), handle_control_record, tracer, NULL);
	if (!tracer->control)
		return error__set(err, -errno, "cannot map the control ring: %m");
	return 0;
}

struct tracer *tracer__new(const struct tracer_options *options, struct modules *modules,
	struct spaces *spaces, const struct tracer_callbacks *callbacks, struct error *err)
{
	struct tracer *tracer = calloc(1, sizeof(*tracer));

	if (!tracer) {
		error__set(err, -ENOMEM, "out of memory");
		return NULL;
	}
	tracer->options = *options;
	tracer->callbacks = *callbacks;
	tracer->modules = modules;
	tracer->spaces = spaces;
	if (prepare_tracer(tracer, err)) {
		tracer__free(tracer);
		return NULL;
	}
	return tracer;
}

void tracer__free(struct tracer *tracer)
{
	if (!tracer)
		return;
	links__free(tracer->links);
	ring_buffer__free(tracer->control);
	unwinding__free(tracer->unwinding);
	tracer_bpf__destroy(tracer->skel);
	traced_map__free(&tracer->traced);
	attachment_set__free(&tracer->attached);
	attachment_set__free(&tracer->loaders);
	free(tracer);
}

/* --- attaching to files */

static int attach_program(struct tracer *tracer, enum probe_program program,
	const struct module *module, const probe_sites *sites, pid_t pid, struct error *err)
{
	struct program_pair pair = programs_of(tracer, program);
	struct link_request request = {
		.file_fd = module->fd,
		.file_name = module->name,
		.sites = sites->data,
		.site_count = sites->size,
		.pid = pid,
	};
	int code;

	if (pair.session && tracer->link_kind == LINK_SESSION) {
		request.kind = LINK_SESSION;
		request.program_fd = bpf_program__fd(pair.session);
		return links__attach(tracer->links, &request, err);
	}
	request.kind = tracer->link_kind == LINK_PERF ? LINK_PERF : LINK_MULTI;
	/* The return first: a call that is entered between the two has no return to wait for. */
	if (pair.back) {
		request.program_fd = bpf_program__fd(pair.back);
		request.at_return = true;
		code = links__attach(tracer->links, &request, err);
		if (code)
			return code;
	}
	request.program_fd = bpf_program__fd(pair.entry);
	request.at_return = false;
	return links__attach(tracer->links, &request, err);
}

/* Whether --allocator names this file, and with which prefix (NULL: none given). */
static bool is_named_allocator(
	const struct tracer *tracer, const struct module *module, char prefix[64])
{
	for (size_t i = 0; i < tracer->options.allocator_count; i++) {
		const char *spec = tracer->options.allocators[i], *colon = strrchr(spec, ':');
		size_t length = colon ? (size_t)(colon - spec) : strlen(spec);
		size_t path_length = strlen(module->path);

		/* By path, or by the end of it after a slash. */
		if (length > path_length ||
			strncmp(module->path + path_length - length, spec, length))
			continue;
		if (length < path_length && module->path[path_length - length - 1] != '/')
			continue;
		snprintf(prefix, 64, "%s", colon ? colon + 1 : "");
		return true;
	}
	return false;
}

static bool has_prefixed_site(const struct probe_plan *plan, const char *prefix)
{
	for (int i = 0; i < PROBE_PROGRAM_COUNT; i++)
		vec_for_each (site, &plan->sites[i])
			if (!strncmp(site->name, prefix, strlen(prefix)))
				return true;
	return false;
}

static int make_plan(const struct tracer *tracer, const struct module *module, bool is_executable,
	struct probe_plan *plan, struct error *err)
{
	char prefix[64] = "";
	bool named = is_named_allocator(tracer, module, prefix);
	struct plan_options options = {
		.is_executable = is_executable,
		.all_symbols = named,
		.prefix = *prefix ? prefix : NULL,
		.wide_nops = tracer->wide_nops,
	};

	int code = plan__make(plan, module->fd, &options, err);

	if (code || !named || (plan__has_allocator(plan) && has_prefixed_site(plan, prefix)))
		return code;
	return error__set(err, -ENOENT,
		"--allocator: %s defines no allocation functions that begin with '%s'",
		module->path, prefix);
}

/* Tells the programs which calls of free to pass over. One glibc more than there is room for is
 * traced with its own calls, which then count as frees of untracked blocks. */
static void add_internal_calls(struct tracer *tracer, const struct probe_plan *plan)
{
	vec_for_each (distance, &plan->internal_calls) {
		__s64 *calls = tracer->shared->internal_calls;
		int i = 0;

		while (i < MAX_INTERNAL_CALLS && calls[i] && calls[i] != *distance)
			i++;
		if (i < MAX_INTERNAL_CALLS)
			calls[i] = *distance;
	}
}

static int attach_plan(struct tracer *tracer, const struct module *module,
	const struct probe_plan *plan, pid_t pid, struct error *err)
{
	int code = 0;

	add_internal_calls(tracer, plan);
	for (int i = 0; i < PROBE_PROGRAM_COUNT && !code; i++) {
		if (!plan->sites[i].size)
			continue;
		code = attach_program(tracer, i, module, &plan->sites[i], pid, err);
		if (!code)
			tracer->site_count += plan->sites[i].size;
	}
	return code;
}

/*
 * Attaches to a module unless that was done. Returns 1 if an allocator was attached now, 0 if
 * there was nothing to do, or a negative errno.
 */
static int attach_module(struct tracer *tracer, const struct module *module, pid_t pid,
	bool is_executable, struct error *err)
{
	pid_t filter = tracer->options.follow ? 0 : pid;
	uint64_t key = (uint64_t)module->id << 32 | (uint32_t)filter;
	struct probe_plan plan = {0};
	int code;

	if (module->is_vdso || attachment_set__find(&tracer->attached, key))
		return 0;
	if (!attachment_set__insert(&tracer->attached, key))
		return error__set(err, -ENOMEM, "out of memory");
	code = make_plan(tracer, module, is_executable, &plan, err);
	if (!code) {
		plan__log(&plan, module->name);
		tracer->met_stripped_static |= plan.is_static_stripped;
		code = attach_plan(tracer, module, &plan, filter, err);
		if (!code && plan.sites[PROBE_PROGRAM_LOADER].size)
			attachment_set__insert(&tracer->loaders, module->id);
		if (!code && plan__has_allocator(&plan)) {
			tracer->has_allocator = true;
			code = 1;
		}
	} else if (code != -ENOENT) {
		log__debug("%s: not probed: %s", module->name, err->message);
		code = 0; /* a file that cannot be read as ELF has no functions to probe */
	}
	plan__free(&plan);
	return code;
}

/* The program's own file: it may hold an allocator linked into it. */
static bool is_file(const struct module *module, const struct stat *program)
{
	struct stat file;

	return program->st_ino == module->inode && !fstat(module->fd, &file) &&
	       program->st_ino == file.st_ino && program->st_dev == file.st_dev;
}

/* What the code of an image is now: for its stacks' identity and for the unwinder. */
static int note_code(struct tracer *tracer, struct traced *traced, const struct space_view *view,
	struct error *err)
{
	bool is_new = view->generation != traced->generation || !traced->generation;

	if (view->removals != traced->removals)
		tracer->shared->stack_epoch++;
	traced->removals = view->removals;
	traced->generation = view->generation;
	if (!tracer->unwinding || !is_new)
		return 0;
	return unwinding__set(tracer->unwinding, traced->process, view, err);
}

/* Attaches to all that a process maps now. Returns how many allocators came, or a negative errno.
 */
static int attach_mapped(struct tracer *tracer, pid_t pid, struct traced *traced, struct error *err)
{
	struct stat program = {0};
	struct space_view view;
	int code, came = 0;
	char exe[64];

	code = spaces__refresh(tracer->spaces, traced->process, err);
	if (!code)
		code = spaces__view(tracer->spaces, traced->process, &view);
	if (code)
		return code;
	snprintf(exe, sizeof(exe), "/proc/%d/exe", pid);
	if (stat(exe, &program))
		program.st_ino = 0; /* gone: then nothing needs its probes */
	for (size_t i = 0; i < view.count && code >= 0; i++) {
		const struct module *module = view.ranges[i].module;

		if (!module)
			continue;
		code = attach_module(tracer, module, pid, is_file(module, &program), err);
		came += code > 0;
		if (attachment_set__find(&tracer->loaders, module->id))
			traced->has_loader = true;
	}
	if (code >= 0 && note_code(tracer, traced, &view, err))
		code = err->code;
	space_view__free(&view);
	return code < 0 ? code : came;
}

int tracer__attach_file(
	struct tracer *tracer, pid_t pid, const char *path, bool is_program, struct error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), code;
	struct module *module;

	if (fd < 0)
		return 0; /* the loader will not find it either */
	module = modules__add_file(tracer->modules, fd, path, NULL);
	close(fd);
	if (!module)
		return 0;
	if (tracer->unwinding)
		unwinding__prepare(tracer->unwinding, module);
	code = attach_module(tracer, module, pid, is_program, err);
	return code < 0 ? code : 0;
}

int tracer__check(struct tracer *tracer, struct error *err)
{
	if (tracer->has_allocator)
		return 0;
	if (tracer->met_stripped_static)
		return error__set(err, -ENOENT,
			"no allocation function found: the program is statically linked and "
			"stripped (keep its .symtab, or name a library with --allocator)");
	return error__set(err, -ENOENT,
		"no allocation function found in the program and its libraries (name the one that "
		"has it with --allocator FILE[:PREFIX])");
}

/* --- targets */

uint32_t tracer__add(struct tracer *tracer, pid_t pid, bool awaits_exec, struct error *err)
{
	__u32 key = pid;
	struct target target = {
		.process = __sync_fetch_and_add(&tracer->shared->next_process, 1),
		.flags = (awaits_exec ? TARGET_AWAITS_EXEC : 0) |
			 (tracer->options.follow ? TARGET_FOLLOW : 0),
	};
	struct traced *traced = traced_map__insert(&tracer->traced, pid);
	int code;

	if (!traced || spaces__add(tracer->spaces, target.process, pid)) {
		error__set(err, -ENOMEM, "out of memory");
		return 0;
	}
	traced->process = target.process;
	code = bpf_map_update_elem(bpf_map__fd(tracer->skel->maps.targets), &key, &target, BPF_ANY);
	if (code) {
		error__set(err, -errno, "cannot make process %d a target: %m", pid);
		return 0;
	}
	if (awaits_exec)
		return target.process;
	code = attach_mapped(tracer, pid, traced, err);
	return code < 0 ? 0 : target.process;
}

/* --- following the processes */

static void handle_fork(struct tracer *tracer, const struct event_process *event)
{
	struct traced *child = traced_map__insert(&tracer->traced, event->pid);

	if (!child)
		return;
	*child = (struct traced){.process = event->header.process};
	spaces__fork(tracer->spaces, event->parent_process, event->header.process, event->pid);
	if (tracer->unwinding)
		unwinding__share(tracer->unwinding, event->parent_process, event->header.process);
}

/*
 * Attaches to what an image brought. No allocator comes late where the loader waits for that, which
 * it also does before a new program's first call; static programs have none.
 */
static void attach_new(struct tracer *tracer, const struct event_process *event)
{
	struct traced *traced = traced_map__find(&tracer->traced, event->pid);
	uint64_t timeouts = tracer->shared->hold_timeouts;
	struct error err = {0};
	int came;

	if (!traced || traced->process != event->header.process)
		return;
	came = attach_mapped(tracer, event->pid, traced, &err);
	if (came < 0 && came != -ESRCH)
		log__warn("process %u: %s", event->pid, err.message);
	if (came > 0 && (!traced->has_loader || timeouts != tracer->shared->hold_timeouts))
		tracer->late_attachments += came;
}

static void handle_exec(struct tracer *tracer, const struct event_process *event)
{
	struct traced *traced = traced_map__insert(&tracer->traced, event->pid);

	if (!traced)
		return;
	if (event->parent_process) {
		spaces__retire(tracer->spaces, event->parent_process);
		if (tracer->unwinding)
			unwinding__drop(tracer->unwinding, event->parent_process);
	}
	*traced = (struct traced){.process = event->header.process};
	spaces__add(tracer->spaces, event->header.process, event->pid);
	attach_new(tracer, event);
}

static void handle_exit(struct tracer *tracer, const struct event_process *event)
{
	struct traced *traced = traced_map__find(&tracer->traced, event->pid);

	spaces__retire(tracer->spaces, event->header.process);
	if (tracer->unwinding)
		unwinding__drop(tracer->unwinding, event->header.process);
	if (!traced || traced->process != event->header.process)
		return;
	traced_map__remove(&tracer->traced, event->pid, NULL);
	if (tracer->callbacks.exited)
		tracer->callbacks.exited(tracer->callbacks.context, event->pid, event->exit_status,
			tracer->traced.size);
}

static void handle_libraries(struct tracer *tracer, const struct event_process *event)
{
	uint64_t ticket = event->parent_process | (uint64_t)event->exit_status << 32;

	attach_new(tracer, event);
	__atomic_store_n(&tracer->shared->libraries_done, ticket, __ATOMIC_RELEASE);
}

static int handle_control_record(void *context, void *data, size_t size)
{
	const struct event_process *event = data;
	struct tracer *tracer = context;

	if (size < sizeof(*event))
		return 0;
	switch (event->header.kind) {
	case EVENT_FORK:
		handle_fork(tracer, event);
		break;
	case EVENT_EXEC:
		handle_exec(tracer, event);
		break;
	case EVENT_EXIT:
		handle_exit(tracer, event);
		break;
	case EVENT_LIBRARIES:
		handle_libraries(tracer, event);
		break;
	}
	return 0;
}

int tracer__control_fd(const struct tracer *tracer)
{
	return ring_buffer__epoll_fd(tracer->control);
}

void tracer__handle_control(struct tracer *tracer)
{
	ring_buffer__consume(tracer->control);
}

/* --- the rest */

void tracer__enable(struct tracer *tracer, bool enabled)
{
	__atomic_store_n(&tracer->shared->enabled, enabled, __ATOMIC_SEQ_CST);
}

int tracer__ring_fd(const struct tracer *tracer)
{
	return bpf_map__fd(tracer->skel->maps.ring);
}

size_t tracer__live_count(const struct tracer *tracer)
{
	return tracer->traced.size;
}

size_t tracer__pids(const struct tracer *tracer, pid_t *pids, size_t limit)
{
	size_t count = 0;

	hash_for_each (slot, &tracer->traced) {
		if (count < limit)
			pids[count++] = slot->key;
	}
	return count;
}

size_t tracer__site_count(const struct tracer *tracer)
{
	return tracer->site_count;
}

void tracer__losses(const struct tracer *tracer, uint64_t losses[LOSS_COUNT])
{
	for (int i = 0; i < LOSS_COUNT; i++)
		losses[i] = __atomic_load_n(&tracer->shared->losses[i], __ATOMIC_RELAXED);
	losses[LOSS_LATE_ATTACH] += tracer->late_attachments;
}

void tracer__holds(const struct tracer *tracer, struct tracer_holds *holds)
{
	holds->count = tracer->shared->holds;
	holds->total_ns = tracer->shared->hold_ns;
	holds->timeouts = tracer->shared->hold_timeouts;
}
