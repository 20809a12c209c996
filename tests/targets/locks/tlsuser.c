/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * A library with thread-local variables in the loader's reserve of static TLS, as one of the two
 * is of the initial-exec model. A thread that was there before the library asks the loader at its
 * first use, and the loader takes its TLS lock.
 */
__thread long tlsuser_count __attribute__((tls_model("initial-exec")));
__thread long tlsuser_depth __attribute__((tls_model("global-dynamic")));

long *tlsuser__depth(void)
{
	tlsuser_count++;
	return &tlsuser_depth;
}
