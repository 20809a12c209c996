/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* memtrace: picks the command; what each does is in cmd/. */
#include "base/log.h"
#include "cmd/cmd.h"

int main(int argc, char **argv)
{
	int code = cmd__run(argc, argv);

	log__flush();
	return code;
}
