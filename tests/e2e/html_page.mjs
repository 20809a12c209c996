// SPDX-License-Identifier: GPL-2.0-or-later
// SPDX-FileCopyrightText: 2026 the memtrace authors
// Checks of the HTML report in headless Chromium.
//	node html_page.mjs PAGE CHECK [SCREENSHOT-FOLDER]
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { resolve } from "node:path";

const require = createRequire(new URL("../../user/report/html/package.json", import.meta.url));
const { chromium } = require("playwright-core");
const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
	"--disable-background-networking", "--disable-component-update", "--disable-sync"];

const frames = (page) => page.locator("#flame g.frame");
const caption = (page) => page.locator("#caption").textContent();
const rowNames = (page) => page.locator("#sites tbody tr[data-site] .open").allTextContents();
// The graph moves for a quarter of a second.
const settled = (page) => page.waitForTimeout(500);

async function pick(page, label) {
	await page.locator("#views span, #units span", { hasText: new RegExp(`^${label}$`) }).click();
	await settled(page);
}

function frame(page, name) {
	return page.locator(`#flame g.frame[name="${name}"]`).first();
}

async function widthOf(locator) {
	return Number(await locator.locator("rect").getAttribute("width"));
}

// Bytes of a text such as "1.5 KiB in 3 blocks".
function parseBytes(text) {
	const [, number, unit] = text.match(/([\d.]+) ([KMGT]?i?B)/);
	return Number(number) * 1024 ** ["B", "KiB", "MiB", "GiB", "TiB"].indexOf(unit);
}

async function dragOverPlot(page, from, to) {
	const box = await page.locator("#plot svg").boundingBox();
	await page.mouse.move(box.x + box.width * from, box.y + 60);
	await page.mouse.down();
	await page.mouse.move(box.x + box.width * ((from + to) / 2), box.y + 60);
	await page.mouse.move(box.x + box.width * to, box.y + 60);
	await page.mouse.up();
	await settled(page);
}

const checks = {
	async zoom(page) {
		const target = frame(page, "early");
		const before = await widthOf(target);
		assert.ok(before > 0);
		assert.equal(await page.locator("#reset").isDisabled(), true);
		await target.click();
		await settled(page);
		const all = await widthOf(frame(page, "all"));
		assert.ok(Math.abs((await widthOf(target)) - all) < 2, "a zoomed frame is as wide as the graph");
		assert.ok((await widthOf(target)) > before);
		assert.equal(await page.locator("#flame").getAttribute("data-zoom"), "early");
		await page.locator("#reset").click();
		await settled(page);
		assert.ok(Math.abs((await widthOf(target)) - before) < 2, "and as before after the reset");
	},

	async search(page) {
		await page.keyboard.press("/");
		await page.keyboard.type("EARL");
		await settled(page);
		const fill = (name) => frame(page, name).locator("rect").getAttribute("fill");
		assert.equal(await fill("early"), "var(--hit)");
		assert.notEqual(await fill("late"), "var(--hit)");
		assert.match(await page.locator("#details").textContent(), /1 frames? found: .*%/);
		assert.deepEqual([...new Set(await rowNames(page))], ["early"]);
		await page.keyboard.press("Escape");
		await settled(page);
		assert.notEqual(await fill("early"), "var(--hit)");
		assert.ok((await rowNames(page)).includes("late"));
	},

	async switch(page) {
		assert.match(await caption(page), /live at the end/);
		assert.equal(await frame(page, "fleeting").count(), 0, "what was freed is not live");
		await pick(page, "Allocated");
		assert.match(await caption(page), /allocated in the whole run/);
		assert.ok((await widthOf(frame(page, "fleeting"))) > 0);
		await pick(page, "Count");
		assert.match(await caption(page), /^[\d,]+ allocated/);
		await pick(page, "Temporary");
		assert.match(await caption(page), /^1,000 temporary/);
		assert.equal(await frame(page, "early").count(), 0);
		await pick(page, "Peak");
		await pick(page, "Bytes");
		const peak = parseBytes(await caption(page));
		const report = await page.evaluate(() => window.memtracePage.report);
		assert.ok(Math.abs(peak - report.heap.peak_bytes) <= report.heap.peak_bytes / 50);
	},

	// Python's frames and native ones, each with and without the others.
	async python(page) {
		const hide = async (label) => {
			await page.locator("#hide span", { hasText: new RegExp(`^${label}$`) }).click();
			await settled(page);
		};
		const total = await caption(page);
		assert.equal(await page.locator("#sites tbody tr[data-site]").first().locator(".open").textContent(), "keep");
		assert.ok((await widthOf(frame(page, "PyByteArray_Resize"))) > 0);
		assert.ok((await widthOf(frame(page, "keep"))) > 0);
		await hide("native");
		assert.equal(await frame(page, "PyByteArray_Resize").count(), 0);
		assert.ok((await widthOf(frame(page, "keep"))) > 0);
		await hide("native");
		await hide("Python");
		assert.equal(await frame(page, "keep").count(), 0);
		assert.ok((await widthOf(frame(page, "PyByteArray_Resize"))) > 0);
		await hide("Python");
		await pick(page, "Allocated");
		assert.ok((await frame(page, "_find_and_load").count()) > 0);
		await hide("import system");
		assert.equal(await frame(page, "_find_and_load").count(), 0);
		await pick(page, "Live");
		assert.equal(await caption(page), total, "what is hidden is still counted");
	},

	// early allocates in the first half of the run, late in the second.
	async range(page) {
		await pick(page, "Allocated");
		await dragOverPlot(page, 0.55, 0.995);
		assert.match(await caption(page), /in the range from/);
		assert.ok((await widthOf(frame(page, "late"))) > 0);
		assert.equal(await frame(page, "early").count(), 0);
		const inRange = await page.locator("#sites tbody tr[data-site]").first().locator(".open").textContent();
		assert.equal(inRange, "late");
		await page.locator("#range-clear").click();
		await settled(page);
		assert.match(await caption(page), /in the whole run/);
		assert.ok((await widthOf(frame(page, "early"))) > 0);
		await dragOverPlot(page, 0.02, 0.45);
		assert.equal(await frame(page, "late").count(), 0);
		assert.ok((await widthOf(frame(page, "early"))) > 0);
		await pick(page, "Live");
		assert.match(await caption(page), /live at the end of the range/);
		assert.equal(await frame(page, "late").count(), 0);
	},

	// Ranges add up: what was allocated before a moment and after it is all that was allocated.
	async ranges_add_up(page) {
		const [whole, parts] = await page.evaluate(() => {
			const { model } = window.memtracePage;
			const total = (range) => model.tree(model.measure({ view: "allocated", unit: "bytes", range, thread: "" }), "all").value;
			const end = model.sliceCount * model.sliceNs;
			const cuts = [0, 1, 2, 5, 9].map((i) => Math.floor((i * model.sliceCount) / 9) * model.sliceNs);
			cuts[cuts.length - 1] = end;
			return [total(null), cuts.slice(1).map((cut, i) => (cut > cuts[i] ? total([cuts[i], cut]) : 0))];
		});
		assert.equal(parts.reduce((a, b) => a + b), whole);
	},

	async sort(page) {
		const header = (key) => page.locator(`#sites th[data-key="${key}"]`);
		assert.equal(await header("live_bytes").count(), 0, "what is shown above has one column");
		await pick(page, "Allocated");
		assert.equal(await header("live_bytes").count(), 1);
		await pick(page, "Live");
		assert.match(await page.locator("#sites .callers").first().textContent(), /^from .*main/);
		await header("allocated_count").locator("button").click();
		assert.equal(await header("allocated_count").getAttribute("aria-sort"), "descending");
		assert.equal((await rowNames(page))[0], "fleeting");
		const calls = async () => (await page.locator("#sites tbody tr[data-site] td[data-key=allocated_count]").allTextContents())
			.map((text) => Number(text.replaceAll(",", "")));
		const down = await calls();
		assert.deepEqual(down, [...down].sort((a, b) => b - a));
		await header("allocated_count").locator("button").click();
		assert.equal(await header("allocated_count").getAttribute("aria-sort"), "ascending");
		const up = await calls();
		assert.deepEqual(up, [...up].sort((a, b) => a - b));
		await page.locator("#sites tbody tr[data-site] .open").first().press("Enter");
		assert.equal(await page.locator("#sites tr.details li").first().isVisible(), true);
	},

	async keyboard(page) {
		await page.locator("#flame").focus();
		for (const key of ["ArrowDown", "ArrowDown", "ArrowDown"])
			await page.keyboard.press(key);
		const focused = await page.locator("#flame .focused").getAttribute("name");
		assert.ok(focused && focused !== "all");
		await page.keyboard.press("Enter");
		await settled(page);
		assert.equal(await page.locator("#flame").getAttribute("data-zoom"), focused);
		await page.keyboard.press("Escape");
		assert.equal(await page.locator("#flame").getAttribute("data-zoom"), "");
		await page.locator("#plot").focus();
		await page.keyboard.press("ArrowRight");
		await page.keyboard.press("Shift+ArrowRight");
		assert.match(await page.locator("#range-text").textContent(), /^From 0 ns to /);
		await page.keyboard.press("Escape");
		assert.match(await page.locator("#range-text").textContent(), /^Whole run/);
	},

	// A program that maps memory by calls of its own: keep_with_a_hole most of it.
	async mapped(page) {
		await pick(page, "Mapped");
		assert.match(await caption(page), /mapped by calls of the program's own/);
		assert.ok((await widthOf(frame(page, "keep_with_a_hole"))) > 0);
		assert.equal(await page.locator("#sites tbody tr[data-site] .open").first().textContent(), "keep_with_a_hole");
		await pick(page, "Live");
		assert.equal(await frame(page, "keep_with_a_hole").count(), 0, "the heap is another account");
	},

	async threads(page) {
		const select = page.locator("#thread");
		const options = await select.locator("option").allTextContents();
		assert.ok(options.length >= 3, `threads: ${options}`);
		const whole = parseBytes(await caption(page));
		await select.selectOption({ index: 2 });
		assert.match(await caption(page), /allocated by thread \d+/);
		assert.ok(parseBytes(await caption(page)) < whole);
		assert.equal(await page.locator("#views input[value=peak]").isDisabled(), true);
		await pick(page, "Allocated");
		assert.equal(await frame(page, "keep_few").count() > 0, await frame(page, "early").count() === 0);
		const [all, threads] = await page.evaluate(() => {
			const { model } = window.memtracePage;
			const total = (thread) => model.tree(model.measure({ view: "allocated", unit: "bytes", range: null, thread }), "all").value;
			return [total(""), [...model.threads.keys()].map(total)];
		});
		assert.equal(threads.reduce((a, b) => a + b), all, "the threads add up to all");
	},

	async phone(page) {
		await page.setViewportSize({ width: 390, height: 844 });
		await page.reload();
		await page.waitForFunction(() => window.memtracePage);
		const [page_width, graph] = await page.evaluate(() => [document.documentElement.scrollWidth,
			document.querySelector("#flame svg").getBoundingClientRect().right]);
		assert.equal(page_width, 390, "nothing makes the page wider than the phone");
		assert.ok(graph <= 390);
		for (const input of await page.locator("#controls span, #controls button, #search").all()) {
			const box = await input.boundingBox();
			// Of a profile of waits alone, or of an exact run.
			if (!box)
				continue;
			assert.ok(box.x >= 0 && box.x + box.width <= 390, "every control is on the screen");
			assert.ok(box.height >= 30, "and large enough for a finger");
		}
		const cells = await page.locator("#sites tbody td, #sites thead button").evaluateAll((all) => all.map((cell) => cell.getBoundingClientRect().right));
		assert.ok(cells.length > 9 && Math.max(...cells) <= 390, "no column is cut off");
		const tops = await page.evaluate(() => ["#flame", "#sites"].map((id) => document.querySelector(id).getBoundingClientRect().top));
		assert.ok(tops[0] < tops[1], "the flame graph stands before the table");
		assert.equal(await page.evaluate(() => document.querySelector("main").lastElementChild.id), "waits");
		await frame(page, "early").click();
		await settled(page);
		assert.equal(await page.locator("#flame").getAttribute("data-zoom"), "early");
	},

	async theme(page) {
		const back = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
		const light = await back();
		await page.emulateMedia({ colorScheme: "dark" });
		const dark = await back();
		assert.notEqual(light, dark);
		await page.locator("#theme").click();
		assert.equal(await back(), light, "the button wins over the system");
		await page.locator("#theme").click();
		assert.equal(await back(), dark);
	},

	async waits(page) {
		assert.equal(await page.locator("#waits").isVisible(), true);
		assert.match(await page.locator("#waits-heading").textContent(), /1 deadlock/);
		assert.ok((await page.locator("#waits-graph .thread.cycle").count()) >= 2);
		assert.ok((await page.locator("#waits-graph .edge.cycle").count()) >= 2);
		assert.ok((await page.locator("#waits-list summary").count()) >= 2);
		const top = async (selector) => (await page.locator(selector).boundingBox()).y;
		assert.ok((await top("#waits")) < (await top("#plot")), "a deadlock stands first");
	},

	async contention(page) {
		assert.equal(await page.locator("#time").isVisible(), false);
		assert.equal(await page.locator("#sites-section").isVisible(), false);
		assert.match(await page.locator("#totals").textContent(), /Waits6/);
		assert.match(await caption(page), /waited for 2 locks, by who waited/);
		assert.equal(await frame(page, "read_ledger").count(), 1);
		assert.equal(await frame(page, "write_ledger").count(), 0);
		await pick(page, "Holders");
		assert.equal(await frame(page, "write_ledger").count(), 1);
		assert.equal(await frame(page, "read_ledger").count(), 0);
		await pick(page, "Waits");
		assert.match(await caption(page), /^6 waits for 2 locks, by who held the lock meanwhile/);
		const option = page.locator("#lock option", { hasText: "ledger_lock" });
		await page.locator("#lock").selectOption(await option.getAttribute("value"));
		await settled(page);
		assert.match(await caption(page), /^3 waits for mutex ledger_lock/);
		assert.equal(await frame(page, "write_index").count(), 0);
		assert.match(await page.locator("#locks tbody").textContent(), /condition queue_filled.*not ranked/);
		assert.match(await page.locator("#waiting tbody").textContent(), /read_ledger/);
		assert.match(await page.locator("#holding tbody").textContent(), /write_ledger/);
		assert.equal(await page.locator("#waiting-threads tbody tr").count(), 2);
		await frame(page, "write_ledger").click();
		await settled(page);
		assert.equal(await page.locator("#flame").getAttribute("data-zoom"), "write_ledger");
	},

	async hostile(page) {
		assert.equal(await page.evaluate(() => window.hacked), undefined);
		assert.equal(await page.locator("img").count(), 0);
		assert.match(await page.locator("#heading").textContent(), /<img src=x/);
		assert.match(await page.locator("#heading").textContent(), /gpj\?exe \\u202e$/);
		assert.ok((await frames(page).count()) > 0);
	},

	async losses(page) {
		const report = await page.evaluate(() => window.memtracePage.report);
		const text = await page.locator("#losses").textContent();
		assert.ok(report.events.lost > 0, "the run was to lose events");
		assert.ok(text.includes(report.events.lost.toLocaleString("en-US")), text);
		const box = await page.locator("#losses").boundingBox();
		assert.ok(box.y + box.height < 300, "losses are at the top");
	},
};

async function main(file, name, pictures) {
	const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS, timeout: 30000 });
	const page = await browser.newPage({ viewport: { width: 1280, height: 900 }, colorScheme: "light" });
	const problems = [], requests = [];
	page.setDefaultTimeout(15000);
	page.on("pageerror", (error) => problems.push(error.stack));
	page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
	page.on("request", (request) => requests.push(request.url()));
	try {
		await page.goto(`file://${resolve(file)}`);
		await page.waitForFunction(() => window.memtracePage);
		await settled(page);
		await checks[name](page);
		if (pictures)
			await page.screenshot({ path: `${pictures}/${name}.png` });
		assert.deepEqual(problems, [], "no script failed");
		assert.deepEqual(requests.filter((url) => !/^(file|data):/.test(url)), [], "nothing was fetched");
	} finally {
		await browser.close();
	}
}

await main(...process.argv.slice(2));
console.log("ok");
