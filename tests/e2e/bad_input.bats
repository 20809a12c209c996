#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# SPDX-FileCopyrightText: 2026 the memtrace authors
# Bad input and bad days: one clear line that names the thing and the remedy, exit 1 or 2.
bats_require_minimum_version 1.5.0
load helpers

setup()
{
	begin_test
}

teardown()
{
	end_test
}

# refuse STATUS TEXT ARG...: memtrace with these arguments ends with the status, naming the thing.
refuse()
{
	local want=$1 text=$2
	shift 2
	run timeout 30 "$MEMTRACE" "$@"
	expect_error "$want" "$text"
}

@test "no such PID" {
	refuse 1 4194000 -p 4194000
}

@test "a PID that is no number" {
	refuse 2 nonsense -p nonsense
	refuse 2 -- -5 -p -5
	refuse 2 0 -p 0
	refuse 2 12x -p 12x
	refuse 2 99999999999999999999 -p 99999999999999999999
}

@test "a kernel thread" {
	require_tracing
	local pid
	pid=$(pgrep -x kthreadd) || skip "no kernel thread in sight"
	refuse 1 "kernel thread" -p "$pid"
}

@test "a zombie" {
	require_tracing
	# The shell's child ends; the program that the shell becomes never waits for it.
	sh -c 'true & exec sleep 60' 3>&- &
	STARTED+=($!)
	local parent=$! zombie
	wait_until 5 pgrep -P "$parent"
	zombie=$(pgrep -P "$parent")
	wait_until 5 grep -q '^State:.Z' "/proc/$zombie/status"
	refuse 1 "zombie" -p "$zombie"
}

@test "a 32-bit process" {
	require_tracing
	start_32_bit
	refuse 1 "32-bit" -p "$TARGET"
}

@test "a thread that is not its process's first" {
	require_tracing
	start_target "$TARGETS/storm" 2 100 1
	local tid
	tid=$(find "/proc/$TARGET/task" -mindepth 1 -maxdepth 1 ! -name "$TARGET" -printf '%f\n' -quit)
	refuse 1 "$TARGET" -p "$tid"
}

@test "a process that dies while memtrace attaches" {
	require_tracing
	for delay in 0 0.01 0.03 0.06 0.1; do
		sleep "$delay" 3>&- &
		run timeout 30 "$MEMTRACE" -p $!
		# It came in time and ends with a report, or says that the process is gone.
		[ "$status" = 0 ] || expect_error 1 "$!"
	done
}

@test "memtrace itself as target" {
	require_tracing
	start_target "$TARGETS/storm" 1 100 1
	run timeout 30 bash -c "exec $MEMTRACE -p \$\$"
	[ "$status" = 1 ]
}

@test "no permission" {
	require_command setpriv
	[ "$(id -u)" = 0 ] || skip "needs root, to become somebody else"
	sleep 60 3>&- &
	STARTED+=($!)
	chmod 755 "$BATS_TEST_TMPDIR"
	cp "$MEMTRACE" "$BATS_TEST_TMPDIR/memtrace"
	run timeout 30 setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all \
		"$BATS_TEST_TMPDIR/memtrace" -p $!
	[ "$status" = 1 ] || fail "status $status: $output"
	[[ $output == *root* || $output == *CAP_* || $output == *sudo* ]] || fail "$output"
}

@test "no allocator in sight" {
	require_tracing
	cat >empty.c <<-'C'
		__attribute__((force_align_arg_pointer)) void _start(void)
		{
			for (;;) {
				long result;
				__asm__ volatile("syscall" : "=a"(result) : "a"(34) : "rcx", "r11", "memory");
			}
		}
	C
	gcc -nostdlib -static -o empty empty.c 2>/dev/null || skip "not this architecture"
	./empty 3>&- &
	STARTED+=($!)
	refuse 1 allocator -p $!
}

@test "garbage options" {
	refuse 2 --no-such-option --no-such-option
	refuse 2 --json --json= -- true
	refuse 2 "" -p
	run timeout 30 "$MEMTRACE" -p 1 -- true
	[ "$status" = 2 ]
	run timeout 30 "$MEMTRACE" --sort nonsense -- true
	expect_error 2 nonsense
	run timeout 30 "$MEMTRACE" --stacks nonsense -- true
	expect_error 2 nonsense
	run timeout 30 "$MEMTRACE" -d nonsense -- true
	expect_error 2 nonsense
	run timeout 30 "$MEMTRACE" --top -3 -- true
	expect_error 2 -- -3
	run timeout 30 "$MEMTRACE" --min-size 1x -- true
	expect_error 2 1x
}

@test "locks with a command says what to do instead" {
	refuse 2 "start the command, then use -p PID" locks -- sleep 1
}

@test "no arguments at all" {
	run timeout 30 "$MEMTRACE"
	[ "$status" = 2 ]
	[[ $output == *--help* || $output == *sage* ]]
}

@test "an unknown command word" {
	run timeout 30 "$MEMTRACE" nonsense
	[ "$status" = 2 ]
	[[ $output == *nonsense* ]]
}

@test "a command that does not exist" {
	require_tracing
	refuse 1 /nonexistent/program -- /nonexistent/program
	refuse 1 no-such-program-here -- no-such-program-here
}

@test "a command that is not executable" {
	require_tracing
	echo text >file
	refuse 1 file -- ./file
}

@test "an output that cannot be written is found before anything is attached" {
	require_tracing
	refuse 1 /nonexistent/folder/report.json --json=/nonexistent/folder/report.json -- touch ran
	[ ! -e ran ] || fail "the command ran though its report has no place"
	refuse 1 /proc/report.json --json=/proc/report.json -- true
}

@test "a disk that fills up leaves no half-written file" {
	require_tracing
	[ "$(id -u)" = 0 ] || skip "needs root, to mount a small disk"
	mkdir disk
	mount -t tmpfs -o size=4k none disk || skip "no tmpfs"
	local status=0
	timeout 60 "$MEMTRACE" --json=disk/report.json -- "$TARGETS/containers" >out 2>err || status=$?
	local left
	left=$(ls disk)
	umount disk
	[ $status = 1 ] || fail "status $status"
	grep -q 'disk/report.json' err || fail "the file is not named"
	[ -z "$left" ] || fail "left behind: $left"
}

@test "an old report stays whole when the new one cannot be written" {
	require_tracing
	[ "$(id -u)" = 0 ] || skip "needs root, to mount a small disk"
	mkdir disk
	mount -t tmpfs -o size=8k none disk || skip "no tmpfs"
	echo '{"old": true}' >disk/report.json
	timeout 60 "$MEMTRACE" --json=disk/report.json -- "$TARGETS/containers" >out 2>err || true
	local old
	old=$(cat disk/report.json)
	umount disk
	[ "$old" = '{"old": true}' ] || jq -e .version <<<"$old"
}

@test "standard output that goes away ends the report, not the machine" {
	require_tracing
	run bash -c 'timeout 60 "$MEMTRACE" --json -- true 2>/dev/null | true'
	[ "$status" = 0 ]
	[ ! -e core ]
}

@test "without standard streams nothing else is written to in their place" {
	require_tracing
	run timeout 60 bash -c 'exec "$MEMTRACE" -o kept --json -- true >&-'
	[ "$status" = 1 ] || fail "status $status: $output"
	[[ $output == *"standard output"* ]] || fail "$output"
	"$MEMTRACE" report kept >report
	grep -q '^traced for' report
	timeout 60 bash -c 'exec "$MEMTRACE" -o kept -- sh -c "echo >&2; echo \$?" >said 2>&-'
	[ "$(head -n 1 said)" != 0 ] || fail "the command has a standard error that it was not given"
	"$MEMTRACE" report kept >report
	grep -q '^traced for' report
}

@test "/dev/full as standard output is an error" {
	require_tracing
	run bash -c 'timeout 60 "$MEMTRACE" --json -- true 2>&1 >/dev/full'
	[ "$status" = 1 ] || fail "status $status: $output"
}

@test "an allocator that is not there" {
	require_tracing
	refuse 1 /nonexistent.so --allocator /nonexistent.so:je_ -- true
	refuse 1 /etc/passwd --allocator /etc/passwd -- true
	refuse 1 "no allocation functions" --allocator "$(command -v true)" -- true
	refuse 1 "xx_" --allocator "$TARGETS/libtiny.so:xx_" -- "$TARGETS/prefixed-library"
}

@test "nothing stays attached after a refusal" {
	require_tracing
	require_command bpftool
	timeout 30 "$MEMTRACE" -p 4194000 2>/dev/null || true
	timeout 30 "$MEMTRACE" -- /nonexistent 2>/dev/null || true
	run ! bash -c 'bpftool prog show 2>/dev/null | grep -q memtrace'
}

@test "in a user namespace it says that capabilities do not count there" {
	unshare -Ur true 2>/dev/null || skip "no user namespace can be made"
	run timeout 30 unshare -Ur "$MEMTRACE" -- true
	expect_error 1 "user namespace"
	run timeout 30 unshare -Ur "$MEMTRACE" watch -d 1
	expect_error 1 "user namespace"
}

# hold_site FILE SYMBOL DISTANCE: another tracer sits there, in a way that keeps others out.
hold_site()
{
	local address
	address=0x$(nm "$1" | sed -n "s/^\([0-9a-f]*\) T $2$/\1/p")
	"$TARGETS/hold_site" "$1" $((address + $3)) "$BATS_TEST_TMPDIR/held" 3>&- &
	STARTED+=("$!")
	wait_until $WAIT_SECONDS test -e held
}

@test "where another tracer holds the better place, the function's entry is probed" {
	require_tracing
	cp "$TARGETS/throwing-pool" pool
	"$MEMTRACE" -v -- ./pool 5000 2>&1 | grep -q 'pool _ZdlPv+3 ' || skip "compiled otherwise"
	rm -f truth
	hold_site pool _ZdlPv 3
	trace_launched -v -- ./pool 5000
	grep -q 'pool _ZdlPv+3: refused by the kernel' err
	expect_own_calls pool
}

@test "a function that another tracer holds is an error, not a wrong report" {
	require_tracing
	cp "$TARGETS/throwing-pool" pool
	hold_site pool _Znwm 0
	run timeout 30 "$MEMTRACE" --json=report.json -- ./pool 5000
	expect_error 1 "another tracer"
	[ ! -e report.json ]
}

@test "too few open files are told, with the remedy" {
	require_tracing
	run timeout 30 prlimit --nofile=40:40 "$MEMTRACE" -- true
	expect_error 1 "raise \`ulimit -n\`"
	run timeout 30 prlimit --nofile=48:1024 "$MEMTRACE" -- sh -c 'ulimit -n'
	[ "$status" = 0 ]
	[ "${lines[1]}" = 48 ] || fail "the command's limit is not its own: $output"
}

@test "a library that is cut short and written again while it is read" {
	require_tracing
	local library
	library=$(ldd "$TARGETS/shrinking" | awk '/libc.so/ { print $3 }')
	require_file "$library"
	cp -L "$library" own.so
	"$TARGETS/shrinking" own.so >ready 3>&- &
	STARTED+=($!)
	local target=$!
	wait_until 5 grep -q ready ready
	# What is short at that moment cannot be probed, which is told: never does memtrace die of it.
	for _ in 1 2 3 4 5 6; do
		run timeout 30 "$MEMTRACE" -p "$target" -d 0.2
		[ "$status" -le 1 ] || fail "exit status $status: $output"
		[[ $output == *"live"* || $output == *"own.so"* ]] || fail "no report: $output"
	done
	kill -0 "$target"
}
