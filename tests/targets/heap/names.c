/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * names: allocates in functions whose names are hard to show: one is longer than a terminal is
 * wide, one ends with a character that turns the direction of writing, one has a zero-width space.
 */
#include <stdlib.h>

static void *volatile kept[8];

__attribute__((noinline)) void
a_function_with_a_name_that_no_terminal_of_eighty_columns_can_hold_beside_the_place_it_is_in(void)
{
	kept[0] = malloc(4000);
}

void turned(void) __asm__("backwards\xe2\x80\xae");
__attribute__((noinline)) void turned(void)
{
	kept[1] = malloc(3000);
}

void hidden(void) __asm__("hid\xe2\x80\x8b"
			  "den");
__attribute__((noinline)) void hidden(void)
{
	kept[2] = malloc(2000);
}

int main(void)
{
	a_function_with_a_name_that_no_terminal_of_eighty_columns_can_hold_beside_the_place_it_is_in();
	turned();
	hidden();
	return 0;
}
