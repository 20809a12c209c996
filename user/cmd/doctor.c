/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* memtrace doctor: what this kernel and these privileges allow, and what memtrace does about it. */
#include <argp.h>
#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "attach/capabilities.h"
#include "attach/features.h"
#include "base/log.h"
#include "cmd/cmd.h"

#define MAX_CAPABILITIES 16
/* Where the explanations start, and the width they are folded to. */
#define TEXT_COLUMN 29
#define TEXT_WIDTH 51

/* What to do with and without a feature; NULL for one that does not change anything. */
struct advice {
	bool is_required;
	const char *with;
	const char *without;
};

static const struct advice advice[FEATURE_COUNT] = {
	[FEATURE_BTF] = {true, "fits its programs to this kernel",
		"cannot trace: the kernel needs CONFIG_DEBUG_INFO_BTF"},
	[FEATURE_RING_BUFFER] = {true, "sends records through it",
		"cannot trace: needs Linux 5.8 or newer"},
	[FEATURE_TASK_STORAGE] = {true, "keeps each thread's calls in it",
		"cannot trace: needs Linux 5.11 or newer"},
	[FEATURE_ATTACH_COOKIE] = {true, "one program serves all functions",
		"cannot trace: needs Linux 5.15 or newer"},
	[FEATURE_LOOP] = {true, "walks stacks with it", "cannot trace: needs Linux 5.17 or newer"},
	[FEATURE_UPROBE_SESSION] = {false, "one link per file for entries and returns",
		"uses the next kind; operator new of jemalloc, tcmalloc or mimalloc is then "
		"single-stepped at its end, so that exceptions can pass"},
	[FEATURE_UPROBE_MULTI] = {false, "one link per file for probes without return",
		"uses the next kind"},
	[FEATURE_UPROBE_PERF] = {false, "kept as the last resort: one link per function", NULL},
	[FEATURE_RETURN_PROBES] = {true, "sees what allocations return",
		"cannot trace: results of malloc cannot be seen"},
	[FEATURE_SECCOMP_RETURNS] = {false, "traces seccomp-confined processes too",
		"refuses processes under a seccomp filter: this kernel would kill them "
		"(CVE-2025-21834)"},
	[FEATURE_WIDE_NOPS] = {false, "may probe on them at little cost", "avoids them"},
	[FEATURE_TASK_ITERATOR] = {false, "reads blocked threads' stacks without stopping them",
		"reads only their wait, not their stacks"},
	[FEATURE_HOLD] = {false, "misses nothing of followed processes, and of foreign loaders",
		"attaches to a forked child while it already runs, and counts it"},
	[FEATURE_TRACEFS] = {false, "follows mmap, munmap, mremap and brk by their tracepoints",
		"looks at the end of all system calls instead, which costs each about twice as "
		"much"},
};

struct diagnosis {
	struct feature_result features[FEATURE_COUNT];
	bool held[MAX_CAPABILITIES];
	char lockdown[32];
	struct utsname system;
	bool works;
	char problem[640]; /* the first reason why not */
};

static void note_problem(struct diagnosis *diagnosis, const char *name, const char *why)
{
	if (diagnosis->works)
		snprintf(diagnosis->problem, sizeof(diagnosis->problem), "%s: %s", name, why);
	diagnosis->works = false;
}

static void check_capabilities(struct diagnosis *diagnosis)
{
	const struct capability *list = capabilities__list();
	struct error error;

	for (size_t i = 0; list[i].name && i < MAX_CAPABILITIES; i++) {
		diagnosis->held[i] = capabilities__has(&list[i]);
		if (!diagnosis->held[i] && list[i].is_required)
			note_problem(diagnosis, list[i].name,
				"missing: run memtrace as root (sudo), or grant it to the program");
	}
	if (diagnosis->works && capabilities__check(&error))
		note_problem(diagnosis, "permission", error.message);
}

static void check_features(struct diagnosis *diagnosis)
{
	bool any_link = false;

	for (int i = 0; i < FEATURE_COUNT; i++) {
		diagnosis->features[i] = features__probe(i);
		if (!diagnosis->features[i].available && advice[i].is_required)
			note_problem(diagnosis, features__name(i), advice[i].without);
	}
	for (int i = FEATURE_UPROBE_SESSION; i <= FEATURE_UPROBE_PERF; i++)
		any_link = any_link || diagnosis->features[i].available;
	if (!any_link)
		note_problem(diagnosis, "uprobes",
			diagnosis->features[FEATURE_UPROBE_PERF].is_forbidden
				? "perf-event uprobes, the only kind that this kernel has, need "
				  "CAP_SYS_ADMIN"
				: "cannot trace: the kernel needs CONFIG_UPROBES");
}

static void diagnose(struct diagnosis *diagnosis)
{
	*diagnosis = (struct diagnosis){.works = true};
	uname(&diagnosis->system);
	capabilities__read_lockdown(diagnosis->lockdown, sizeof(diagnosis->lockdown));
	if (!strcmp(diagnosis->lockdown, "confidentiality"))
		note_problem(diagnosis, "kernel lockdown",
			"in this mode BPF may not read memory: boot with lockdown=integrity");
	check_capabilities(diagnosis);
	check_features(diagnosis);
}

/* Prints words in a column of TEXT_WIDTH that starts where the cursor is. */
static void print_folded(const char *text)
{
	size_t used = 0;

	while (*text) {
		size_t word = strcspn(text, " ");

		if (used && used + 1 + word > TEXT_WIDTH) {
			printf("\n%*s", TEXT_COLUMN, "");
			used = 0;
		}
		used += printf("%s%.*s", used ? " " : "", (int)word, text);
		text += word;
		text += strspn(text, " ");
	}
	printf("\n");
}

static void print_row(const char *name, const char *answer, const char *text)
{
	printf("  %-22s %-3s ", name, answer);
	print_folded(text);
}

static void print_feature(enum feature feature, const struct feature_result *result)
{
	const char *effect = result->available ? advice[feature].with : advice[feature].without;
	char text[512];

	if (result->is_forbidden) {
		snprintf(text, sizeof(text), "not permitted%s%s",
			effect && !advice[feature].is_required ? "; " : "",
			effect && !advice[feature].is_required ? effect : "");
		print_row(features__name(feature), "?", text);
		return;
	}
	/* The kernel's own reason only where it adds to what follows from it. */
	if (result->reason[0] && !result->available)
		snprintf(text, sizeof(text), "%s%s%s", result->reason, effect ? "; " : "",
			effect ? effect : "");
	else if (result->reason[0])
		snprintf(text, sizeof(text), "%s (%s)", effect, result->reason);
	else
		snprintf(text, sizeof(text), "%s", effect ? effect : "");
	print_row(features__name(feature), result->available ? "yes" : "NO", text);
}

static void print_text(const struct diagnosis *diagnosis)
{
	const struct capability *list = capabilities__list();

	printf("%s %s, %s; lockdown: %s\n\n", diagnosis->system.sysname, diagnosis->system.release,
		diagnosis->system.machine, diagnosis->lockdown);
	printf("This kernel has            what memtrace does\n");
	for (int i = 0; i < FEATURE_COUNT; i++)
		print_feature(i, &diagnosis->features[i]);
	printf("\nThis process has           what it is for\n");
	for (size_t i = 0; list[i].name && i < MAX_CAPABILITIES; i++) {
		char text[128];

		snprintf(text, sizeof(text), "%s%s", list[i].use,
			list[i].is_required ? "" : " (optional)");
		print_row(list[i].name, diagnosis->held[i] ? "yes" : "NO", text);
	}
	if (diagnosis->works)
		printf("\nTracing works here.\n");
	else
		printf("\nTracing does not work here: %s\n", diagnosis->problem);
}

static json_t *features_to_json(const struct diagnosis *diagnosis)
{
	json_t *array = json_array();

	for (int i = 0; i < FEATURE_COUNT; i++) {
		const struct feature_result *result = &diagnosis->features[i];
		const char *effect = result->is_forbidden ? ""
				     : result->available  ? advice[i].with
							  : advice[i].without;

		json_array_append_new(array,
			json_pack("{s:s, s:b, s:b, s:b, s:s, s:s}", "name", features__name(i),
				"available", result->available, "forbidden", result->is_forbidden,
				"required", advice[i].is_required, "reason", result->reason,
				"effect", effect ? effect : ""));
	}
	return array;
}

static json_t *capabilities_to_json(const struct diagnosis *diagnosis)
{
	const struct capability *list = capabilities__list();
	json_t *array = json_array();

	for (size_t i = 0; list[i].name && i < MAX_CAPABILITIES; i++)
		json_array_append_new(array, json_pack("{s:s, s:b, s:b, s:s}", "name", list[i].name,
						     "held", diagnosis->held[i], "required",
						     list[i].is_required, "use", list[i].use));
	return array;
}

static int print_json(const struct diagnosis *diagnosis)
{
	json_t *root = json_pack("{s:i, s:s, s:s, s:s, s:o, s:o, s:b, s:s}", "version", 1, "kernel",
		diagnosis->system.release, "machine", diagnosis->system.machine, "lockdown",
		diagnosis->lockdown, "features", features_to_json(diagnosis), "capabilities",
		capabilities_to_json(diagnosis), "works", diagnosis->works, "problem",
		diagnosis->problem);
	int err = root ? json_dumpf(root, stdout, JSON_INDENT(2)) : -1;

	json_decref(root);
	return err || putchar('\n') == EOF ? -1 : 0;
}

enum { OPT_JSON = 256 };

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	bool *json = state->input;

	switch (key) {
	case OPT_JSON:
		*json = true;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "unexpected argument '%s': doctor takes none", arg);
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

const struct argp *doctor_argp(void)
{
	static const struct argp_option options[] = {
		{"json", OPT_JSON, NULL, 0, "Write one JSON document", 0},
		{0},
	};
	static const struct argp argp = {
		.options = options,
		.parser = parse_option,
		.doc = "Tests what this kernel and these privileges allow, and reports what "
		       "memtrace does about each.\vExit status: 0 tracing works, 1 it does not, 2 "
		       "usage error.",
	};

	return &argp;
}

int cmd_doctor(int argc, char **argv)
{
	struct diagnosis diagnosis;
	bool json = false;

	if (argp_parse(doctor_argp(), argc, argv, 0, NULL, &json))
		return EXIT_USAGE;
	diagnose(&diagnosis);
	if (json && print_json(&diagnosis)) {
		log__error("cannot write the report");
		return EXIT_COULD_NOT;
	}
	if (!json)
		print_text(&diagnosis);
	if (fflush(stdout)) {
		log__error("cannot write the report: %s", strerror(errno));
		return EXIT_COULD_NOT;
	}
	return diagnosis.works ? EXIT_DONE : EXIT_COULD_NOT;
}
