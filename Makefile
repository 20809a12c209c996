# SPDX-License-Identifier: GPL-2.0-or-later
# SPDX-FileCopyrightText: 2026 the memtrace authors
# memtrace: builds with `make`; everything that is built lands in build/.
#
#   make            build/memtrace (no network, no root)
#   make demo       install what building takes, build, trace a leaking program
#   make check      install what testing takes, build, run every test
#   make bench      costs, side by side with the alternatives
#   make static     build/static/memtrace, one file without dynamic dependencies
#   make fuzz       fuzz the parsers for longer (SECONDS_PER_TARGET=600)
#   make install    DESTDIR= PREFIX=/usr/local
#   make dist       build/memtrace-VERSION.tar.gz
#   make package    a Debian package for this release, in build/
#   make vmlinux    regenerate vmlinux/vmlinux.h from this kernel's BTF
#   make format     clang-format over the tree
# ARCH=arm64 cross-compiles; V=1 shows the commands; SANITIZE=1 builds with ASan and UBSan
# in build/sanitize, SANITIZE=thread with TSan in build/thread.

ARCH ?= $(shell uname -m | sed 's/aarch64/arm64/')
HOST_ARCH := $(shell uname -m | sed 's/aarch64/arm64/')
BUILD ?= build$(if $(filter-out $(HOST_ARCH),$(ARCH)),/$(ARCH))$(if $(SANITIZE),/$(if $(filter thread,$(SANITIZE)),thread,sanitize))
PREFIX ?= /usr/local
V ?= 0

CLANG ?= clang
# Where the distribution has only a wrapper, scripts/setup links the tool behind it to /usr/local/sbin.
BPFTOOL ?= $(or $(wildcard /usr/local/sbin/bpftool),$(shell command -v bpftool),/usr/sbin/bpftool)
CROSS := $(if $(filter-out $(HOST_ARCH),$(ARCH)),$(subst arm64,aarch64,$(ARCH))-linux-gnu-)
CC := $(CROSS)gcc
CXX := $(CROSS)g++
AR := $(CROSS)ar
BPF_TARGET_ARCH := $(subst x86_64,x86,$(ARCH))
VERSION := $(shell scripts/version)

WARNINGS := -Wall -Wextra -Werror -Wno-unused-parameter
CFLAGS ?= -O2 -g
ALL_CFLAGS := $(CFLAGS) -std=gnu11 $(WARNINGS) -D_GNU_SOURCE \
	-DMEMTRACE_ARCH_$(BPF_TARGET_ARCH) -Iuser -Ibpf -I$(BUILD)/bpf -I$(BUILD)/generated -fno-omit-frame-pointer
BPF_CFLAGS := -O2 -g -Wall -Werror -mcpu=v3 -D__TARGET_ARCH_$(BPF_TARGET_ARCH) -Ivmlinux -Ivmlinux/$(ARCH) -Ibpf
LIBRARIES := -lbpf -ldw -lelf -lcapstone -ljansson -lprotobuf-c -lzstd -lxxhash -liberty \
	-lncursesw -ltinfo -levent_extra -levent_core -lseccomp -llzma -lz -lpthread -lm
STATIC_LIBRARIES := -lbpf -ldw -lelf -lcapstone -ljansson -lprotobuf-c -lzstd -lxxhash \
	-liberty -lncursesw -ltinfo -levent_extra -levent_core -lseccomp -llzma -lbz2 -lz -lpthread -lm
# Debian's libevent-dev is for one architecture at a time: scripts/setup --arm64 puts the other one here.
ifneq ($(CROSS),)
CROSS_LIBRARIES := /usr/local/$(CROSS:-=)
ALL_CFLAGS += -isystem $(CROSS_LIBRARIES)/include
LDFLAGS += -L$(CROSS_LIBRARIES)/lib
endif
ifdef SANITIZE
# TSan does not understand fences; what relies on them (the code log, the unwind maps) it may report.
SANITIZERS := -fsanitize=$(if $(filter thread,$(SANITIZE)),thread -Wno-tsan,address,undefined)
ALL_CFLAGS += $(SANITIZERS)
LDFLAGS += $(SANITIZERS)
endif

Q := $(if $(filter 1,$(V)),,@)
say = $(if $(filter 1,$(V)),,@printf '  %-7s %s\n' '$(1)' '$(2)';)

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: .FORCE all demo demo-target check bench static fuzz install uninstall dist package vmlinux format clean setup \
	targets unit benches print-libraries
all: $(BUILD)/memtrace

# --- BPF: the tracer's parts are linked into one object; each other subject is one by itself.
TRACER_PARTS := $(patsubst bpf/%.bpf.c,$(BUILD)/bpf/%.bpf.o,$(wildcard $(addprefix bpf/,heap.bpf.c process.bpf.c mapping.bpf.c faults.bpf.c \
	code_names.bpf.c order.bpf.c usdt.bpf.c)))
OTHER_BPF := $(filter-out $(TRACER_PARTS),$(patsubst bpf/%.bpf.c,$(BUILD)/bpf/%.bpf.o,$(wildcard bpf/*.bpf.c)))
SKELETONS := $(if $(TRACER_PARTS),$(BUILD)/bpf/tracer.skel.h) $(OTHER_BPF:.bpf.o=.skel.h) $(BUILD)/bpf/look.lskel.h

$(BUILD)/bpf/%.bpf.o: bpf/%.bpf.c vmlinux/vmlinux.h
	@mkdir -p $(@D)
	$(call say,BPF,$@)$(CLANG) $(BPF_CFLAGS) -target bpf -MMD -MP -MT $@ -c $< -o $@
$(BUILD)/bpf/tracer.linked.o: $(TRACER_PARTS)
	$(call say,LINK,$@)$(BPFTOOL) gen object $@ $^
$(BUILD)/bpf/tracer.skel.h: $(BUILD)/bpf/tracer.linked.o
	$(call say,SKEL,$@)$(BPFTOOL) gen skeleton $< name tracer_bpf > $@
$(BUILD)/bpf/%.skel.h: $(BUILD)/bpf/%.bpf.o
	$(call say,SKEL,$@)$(BPFTOOL) gen skeleton $< name $*_bpf > $@
# What a program of BPF loads, without libbpf.
$(BUILD)/bpf/%.lskel.h: $(BUILD)/bpf/%.bpf.o
	$(call say,SKEL,$@)$(BPFTOOL) gen skeleton -L $< name $*_light > $@

# --- the program: a library of all rooms but main.c, which unit tests and benches link too.
SOURCES := $(filter-out user/main.c,$(wildcard user/*/*.c))
OBJECTS := $(patsubst user/%.c,$(BUILD)/user/%.o,$(SOURCES)) $(BUILD)/generated/profile.pb-c.o \
	$(BUILD)/generated/otlp.pb-c.o

$(BUILD)/generated/%.pb-c.c: user/report/%.proto
	@mkdir -p $(@D)
	$(call say,PROTO,$@)protoc-c --proto_path=user/report --c_out=$(@D) $<
$(BUILD)/generated/%.pb-c.h: $(BUILD)/generated/%.pb-c.c ;
$(BUILD)/generated/%.pb-c.o: $(BUILD)/generated/%.pb-c.c
	$(call say,CC,$@)$(CC) $(ALL_CFLAGS) -c $< -o $@
$(BUILD)/user/report/pprof.o: $(BUILD)/generated/profile.pb-c.h
$(addprefix $(BUILD)/user/report/,otlp.o otlp_metrics.o otlp_profiles.o): $(BUILD)/generated/otlp.pb-c.h

# Written anew only where the version is another one: then what includes it is compiled again.
$(BUILD)/generated/version.h: .FORCE
	@mkdir -p $(@D)
	@scripts/version --header $@
$(addprefix $(BUILD)/user/cmd/,cmd.o contention.o heap.o order.o serve_metrics.o serve_otlp.o serve_reports.o serve_routes.o trace_facts.o): \
	$(BUILD)/generated/version.h

# The page of the html format is committed as it was bundled, and bundled anew where its packages are
# (scripts/setup); scripts/check compares.
HTML := user/report/html
HTML_PACKAGES := $(wildcard $(HTML)/node_modules/.package-lock.json)
ifdef HTML_PACKAGES
$(HTML)/page.bundled.html: $(filter-out $(HTML)/page.bundled.html,$(wildcard $(HTML)/*.*)) $(HTML_PACKAGES)
	$(call say,HTML,$@)node $(HTML)/bundle.mjs $@
endif
$(BUILD)/generated/html_page.h: $(HTML)/page.bundled.html
	@mkdir -p $(@D)
	$(call say,HTML,$@)(echo 'static const unsigned char html_page[] = {'; \
		od -An -v -tu1 -w32 $< | sed 's/ *\([0-9][0-9]*\)/\1,/g'; echo '};') > $@
$(BUILD)/user/report/html.o: $(BUILD)/generated/html_page.h
$(BUILD)/generated/census_page.h: user/report/census_page/page.html
	@mkdir -p $(@D)
	$(call say,HTML,$@)(echo 'static const unsigned char census_page[] = {'; \
		od -An -v -tu1 -w32 $< | sed 's/ *\([0-9][0-9]*\)/\1,/g'; echo '};') > $@
$(BUILD)/user/report/census_html.o: $(BUILD)/generated/census_page.h

$(BUILD)/user/%.o: user/%.c | $(SKELETONS)
	@mkdir -p $(@D)
	$(call say,CC,$@)$(CC) $(ALL_CFLAGS) -MMD -MP -c $< -o $@
$(BUILD)/libmemtrace.a: $(OBJECTS)
	@rm -f $@
	$(call say,AR,$@)$(AR) rcs $@ $^
$(BUILD)/memtrace: $(BUILD)/user/main.o $(BUILD)/libmemtrace.a
	$(call say,LD,$@)$(CC) $(LDFLAGS) -o $@ $^ $(LIBRARIES)
# Our library once more at the end: it has what Debian 13's libelf.a lacks (base/elfutils_search.c).
static: $(BUILD)/static/memtrace
$(BUILD)/static/memtrace: $(BUILD)/user/main.o $(BUILD)/libmemtrace.a
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(LDFLAGS) -static -o $@ $^ $(STATIC_LIBRARIES) $(BUILD)/libmemtrace.a

# --- tests: one program per tests/unit/test_*.c; targets are built by their own Makefile.
UNIT_TESTS := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(wildcard tests/unit/test_*.c))
unit: $(UNIT_TESTS)
$(BUILD)/unit/%: tests/unit/%.c $(BUILD)/libmemtrace.a
	@mkdir -p $(@D)
	$(call say,TEST,$@)$(CC) $(ALL_CFLAGS) -Itests/unit -MMD -MP -MT $@ $(LDFLAGS) -o $@ $< $(BUILD)/libmemtrace.a $(LIBRARIES) -lcmocka
targets:
	$(Q)$(MAKE) --no-print-directory -C tests/targets BUILD=$(abspath $(BUILD))/targets

# --- benches: tests/bench/bench_*.c, each with the skeletons of the BPF objects beside it.
BENCH_SKELETONS := $(patsubst tests/bench/%.bpf.c,$(BUILD)/bench/%.skel.h,$(wildcard tests/bench/*.bpf.c))
BENCHES := $(patsubst tests/bench/%.c,$(BUILD)/bench/%,$(filter-out %.bpf.c,$(wildcard tests/bench/bench_*.c)))
benches: $(BENCHES)
$(BUILD)/bench/%.bpf.o: tests/bench/%.bpf.c vmlinux/vmlinux.h
	@mkdir -p $(@D)
	$(call say,BPF,$@)$(CLANG) $(BPF_CFLAGS) -target bpf -MMD -MP -MT $@ -c $< -o $@
$(BUILD)/bench/%.skel.h: $(BUILD)/bench/%.bpf.o
	$(call say,SKEL,$@)$(BPFTOOL) gen skeleton $< name $*_bpf > $@
$(BUILD)/bench/%: tests/bench/%.c $(BUILD)/libmemtrace.a | $(BENCH_SKELETONS)
	@mkdir -p $(@D)
	$(call say,BENCH,$@)$(CC) $(ALL_CFLAGS) -I$(BUILD)/bench -MMD -MP -MT $@ $(LDFLAGS) -o $@ $< $(BUILD)/libmemtrace.a $(LIBRARIES)

setup:
	$(Q)scripts/setup
demo:
	$(Q)scripts/setup --build-only
	$(Q)$(MAKE) --no-print-directory all demo-target
	$(Q)scripts/demo
demo-target:
	$(Q)$(MAKE) --no-print-directory -C tests/targets/heap BUILD=$(abspath $(BUILD))/targets/heap \
		$(abspath $(BUILD))/targets/heap/leak
check: setup
	$(Q)scripts/check
bench:
	$(Q)scripts/setup --bench
	$(Q)$(MAKE) --no-print-directory all benches
	$(Q)scripts/bench
print-libraries:
	@echo $(LIBRARIES)
fuzz: setup
	$(Q)scripts/fuzz $(or $(SECONDS_PER_TARGET),600)
vmlinux:
	$(Q)scripts/vmlinux
FORMATTED = $(shell git ls-files 'bpf/*.[ch]' 'user/*.[ch]' 'tests/*.[ch]' 'tests/*.cc')
format:
	$(Q)clang-format -i $(FORMATTED)
install: all
	install -D -m 755 $(BUILD)/memtrace $(DESTDIR)$(PREFIX)/bin/memtrace
	install -D -m 644 scripts/memtrace.8 $(DESTDIR)$(PREFIX)/share/man/man8/memtrace.8
	install -D -m 644 scripts/memtrace-json.5 $(DESTDIR)$(PREFIX)/share/man/man5/memtrace-json.5
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	for unit in watch serve; do sed 's|@PREFIX@|$(PREFIX)|' scripts/memtrace-$$unit.service \
		> $(DESTDIR)$(PREFIX)/lib/systemd/system/memtrace-$$unit.service || exit 1; done
ifeq ($(ARCH),$(HOST_ARCH))
	for shell in bash zsh fish; do $(BUILD)/memtrace completion $$shell > $(BUILD)/completion.$$shell || exit 1; done
	install -D -m 644 $(BUILD)/completion.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/memtrace
	install -D -m 644 $(BUILD)/completion.zsh $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_memtrace
	install -D -m 644 $(BUILD)/completion.fish $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/memtrace.fish
endif
# A tarball of the last commit, which knows its version; it needs neither git nor npm to build.
dist:
	@mkdir -p $(BUILD)
	$(call say,TAR,$(BUILD)/memtrace-$(VERSION).tar.gz)git archive --format=tar.gz \
		--prefix=memtrace-$(VERSION)/ --add-virtual-file=memtrace-$(VERSION)/.tarball-version:$(VERSION) \
		-o $(BUILD)/memtrace-$(VERSION).tar.gz HEAD
package: all
	$(Q)scripts/package $(BUILD)
uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/memtrace $(DESTDIR)$(PREFIX)/share/man/man8/memtrace.8 \
		$(DESTDIR)$(PREFIX)/share/man/man5/memtrace-json.5 \
		$(DESTDIR)$(PREFIX)/lib/systemd/system/memtrace-watch.service \
		$(DESTDIR)$(PREFIX)/lib/systemd/system/memtrace-serve.service \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions/memtrace \
		$(DESTDIR)$(PREFIX)/share/zsh/site-functions/_memtrace \
		$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/memtrace.fish
clean:
	rm -rf build

-include $(wildcard $(BUILD)/bpf/*.d $(BUILD)/user/*.d $(BUILD)/user/*/*.d $(BUILD)/unit/*.d $(BUILD)/bench/*.d)
