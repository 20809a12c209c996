/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Incident (b), the program: its main is never reached. */
#include <stdlib.h>

int main(void)
{
	free(malloc(64));
	return 0;
}
