/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* A library whose constructor does what the program that opens it wants. */
void plugin_constructor(void);

__attribute__((constructor)) static void construct(void)
{
	plugin_constructor();
}
