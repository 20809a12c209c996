/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* One of many libraries that do nothing, for a program that loads and unloads all day. */
__thread int plugin_state = NUMBER;

int plugin_number(void)
{
	return plugin_state;
}
