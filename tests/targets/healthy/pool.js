// SPDX-License-Identifier: GPL-2.0-or-later
// SPDX-FileCopyrightText: 2026 the memtrace authors
// Node.js with a worker and libuv's pool, idle or [busy].
const http = require("http");
const fs = require("fs");
const { Worker, isMainThread } = require("worker_threads");

function drive() {
	fs.readFile(__filename, () => setTimeout(drive, 0));
}

if (isMainThread) {
	new Worker(__filename);
	http.createServer((request, response) => response.end("x")).listen(0);
	if (process.argv[2]) for (let i = 0; i < 8; i++) drive();
} else {
	setInterval(() => {}, 1000);
}
