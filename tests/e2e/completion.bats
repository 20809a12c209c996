#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# SPDX-FileCopyrightText: 2026 the memtrace authors
# Shell completion, which comes from the program's own tables; bash's is in cli.bats.
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

# What fish offers for a line.
fish_offers()
{
	fish --no-config -c "source completion.fish; complete -C '$1'" | cut -f1
}

@test "fish completes commands, their options, formats and processes" {
	require_command fish
	"$MEMTRACE" completion fish >completion.fish
	fish --no-execute completion.fish
	[ "$(fish_offers 'memtrace rec')" = record ]
	[ "$(fish_offers 'memtrace watch --thr')" = --threshold ]
	[ -z "$(fish_offers 'memtrace top --form')" ]
	[ "$(fish_offers 'memtrace -F sp')" = speedscope ]
	fish_offers 'memtrace -p ' | grep -qx $$
	fish_offers 'memtrace --older' | grep -qx -- --older-than
}

# zsh_offers WORD...: the descriptions and options that zsh's own functions would be given.
zsh_offers()
{
	zsh -f -c '
		_arguments() { print -l -- "$@" }
		_describe() { print -l -- "${(P@)2}" }
		words=("${@:2}") CURRENT=$(($# - 1))
		source "$1"' zsh completion.zsh "$@"
}

@test "zsh completes commands, their options and formats" {
	require_command zsh
	"$MEMTRACE" completion zsh >completion.zsh
	zsh -n completion.zsh
	zsh_offers memtrace '' | grep -q '^record:'
	zsh_offers memtrace watch '' | grep -qF -- '*--threshold=['
	run ! grep -qF -- --format <(zsh_offers memtrace top '')
	zsh_offers memtrace -F '' | grep -qE -- '-F\+.*:\(text json .* speedscope'
	zsh_offers memtrace record -o x '' | grep -qx '\*:: :_normal'
}
