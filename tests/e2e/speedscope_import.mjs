// SPDX-License-Identifier: GPL-2.0-or-later
// SPDX-FileCopyrightText: 2026 the memtrace authors
// Opens a profile in speedscope in headless Chromium and prints what it imported, as JSON: the
// page's title, the text of its table's rows, and errors.
//	node speedscope_import.mjs SPEEDSCOPE-PACKAGE PROFILE
import { createRequire } from "node:module";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const require = createRequire(new URL("../../user/report/html/package.json", import.meta.url));
const { chromium } = require("playwright-core");

const [speedscope, profile] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), "speedscope-"));
const browser = await chromium.launch({
	executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
	args: ["--no-sandbox", "--enable-unsafe-swiftshader"],
});
try {
	// As its command line does it: a script that hands the file over.
	const loader = join(folder, "profile.js");
	const content = readFileSync(profile).toString("base64");
	writeFileSync(loader, `speedscope.loadFileFromBase64("profile.json", "${content}")`);
	const page = await browser.newPage({ viewport: { width: 1200, height: 800 } });
	const errors = [];
	page.on("pageerror", (error) => errors.push(String(error)));
	const index = resolve(speedscope, "dist/release/index.html");
	await page.goto(`file://${index}#localProfilePath=${loader}`);
	await page.waitForFunction(() => document.title !== "speedscope", null, { timeout: 30000 });
	// The sandwich view is a table of the functions; the others are drawn.
	await page.keyboard.press("3");
	await page.waitForSelector("table td", { state: "attached", timeout: 10000 });
	const rows = await page.$$eval("table tr", (all) => all.map((row) => row.textContent));
	console.log(JSON.stringify({ title: await page.title(), rows, errors }));
} finally {
	await browser.close();
	rmSync(folder, { recursive: true });
}
