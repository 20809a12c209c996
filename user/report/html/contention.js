// SPDX-License-Identifier: GPL-2.0-or-later
// SPDX-FileCopyrightText: 2026 the memtrace authors
// The page of a profile of contention: a flame graph of the time waited, by the stacks that waited or by
// those that held the lock meanwhile; locks, functions and threads as tables.
import { BasePage } from "./base_page.js";
import { byId, element } from "./dom.js";
import { base, count, dateTime, duration, hex, percent } from "./format.js";
import { makeTree } from "./model.js";

const SIDES = {
	waiters: { label: "Waiters", title: "the stacks that waited for a lock" },
	holders: { label: "Holders", title: "the stacks that held it meanwhile" },
};
const UNITS = {
	total_ns: { label: "Time", title: "time waited" },
	waits: { label: "Waits", title: "how often" },
};
const PAGE = 20;

function readFrame(entry) {
	const module = entry.module ?? "", file = entry.file ?? "";
	const where = module ? `[${base(module)}+${hex(entry.offset ?? 0)}]` : hex(entry.address ?? 0);
	const name = entry.function ?? where;
	return {
		name, module, file,
		inlined: !!entry.inlined,
		place: file ? `${file}${entry.line ? `:${entry.line}` : ""}` : module,
		text: `${name}\n${file}\n${module}`.toLowerCase(),
	};
}

const UNKNOWN = { name: "(stack unknown)", module: "", file: "", place: "", text: "(stack unknown)", inlined: false };

// A lock's row as the flame graph takes it: without the frames of the wait itself.
function readRow(row, lock) {
	const frames = (row.stack ?? []).slice(row.first ?? 0).map(readFrame);
	return { ...row, lock, frames: frames.length ? frames : [UNKNOWN] };
}

export function lockName(lock) {
	const module = lock.module ? ` (${base(lock.module)})` : "";
	return `${lock.kind} ${lock.name ?? `at ${hex(lock.address)}`}${lock.name ? module : ""}`;
}

// A table of @columns [label, value, format, isText]; the first one is text.
function makeTable(id, heading, rows, columns) {
	const head = element("tr", null, columns.map(([label, , , isText]) => element("th", { scope: "col", class: isText ? "text" : null }, label)));
	const body = element("tbody");
	const more = element("button", { type: "button" }, "Show all");
	const fill = (limit) => {
		body.replaceChildren(...rows.slice(0, limit).map((row) => element("tr", null, columns.map(([label, value, format, isText]) =>
			element("td", { class: isText ? "text" : null, "data-label": label }, format ? format(value(row)) : value(row))))));
		more.hidden = rows.length <= limit;
	};
	more.addEventListener("click", () => fill(Infinity));
	fill(PAGE);
	return element("section", { id, "aria-label": heading }, element("h2", null, heading),
		element("div", { class: "scroll" }, element("table", null, element("thead", null, head), body)), more);
}

export class ContentionPage extends BasePage {
	constructor(report) {
		super();
		this.report = report;
		this.locks = report.locks.filter((lock) => lock.ranked);
		if (!this.locks.length)
			this.locks = report.locks;
		this.choice = { side: "waiters", unit: "total_ns", lock: "" };
		for (const id of ["time", "sites-section", "thread-label", "hide"])
			byId(id).hidden = true;
		this.showHead();
		for (const [key, { label, title }] of Object.entries(SIDES))
			this.addRadio("views", "side", key, label, title);
		for (const [key, { label, title }] of Object.entries(UNITS))
			this.addRadio("units", "unit", key, label, title);
		this.makeLocks();
		byId("contention").replaceChildren(...this.makeTables());
		this.draw();
	}

	get format() {
		return this.choice.unit === "waits" ? count : duration;
	}

	showHead() {
		const { report } = this, all = report.contention;
		const targets = report.targets.map((target) => target.command);
		const lost = Object.entries(report.losses).filter(([, value]) => value > 0);
		const heading = targets[0] ?? report.scope ?? "the whole machine";
		document.title = `memtrace contention: ${heading}`;
		byId("heading").textContent = heading;
		byId("run").textContent = [`waits for locks, traced for ${duration(report.duration_ns)}`,
			report.started_unix_ns && `from ${dateTime(report.started_unix_ns)}`, `by memtrace ${report.memtrace}`].filter(Boolean).join(", ");
		byId("losses").className = lost.length ? "bad" : "good";
		byId("losses").replaceChildren(element("p", null, lost.length ? "Not everything was seen:" : `No wait was lost (${count(report.waits_seen)}).`),
			...(lost.length ? [element("ul", null, lost.map(([key, value]) => element("li", null, `${key.replaceAll("_", " ")}: ${count(value)}`)))] : []));
		byId("totals").replaceChildren(...[["Waited", duration(all.total_ns)], ["Waits", count(all.waits)], ["Mean", duration(all.mean_ns)],
			["Longest", duration(all.max_ns)]].map(([name, value]) => element("div", null, element("dt", null, name), element("dd", null, value))));
	}

	makeLocks() {
		byId("lock-label").hidden = this.locks.length < 2;
		byId("lock").append(element("option", { value: "" }, "all"), ...this.locks.map((lock, i) =>
			element("option", { value: i }, `${lockName(lock)}: ${duration(lock.total_ns)}`)));
		byId("lock").addEventListener("change", (event) => this.choose({ lock: event.target.value }));
	}

	makeTables() {
		const { report } = this, all = report.contention.total_ns;
		const share = (value) => (row) => percent(value(row), all);
		const functions = (id, heading, rows) => makeTable(id, heading, rows, [
			["Function", (row) => row.function ?? `[${base(row.module ?? "")}+${hex(row.offset)}]`, null, true],
			["Own", (row) => row.own_ns, duration], ["", share((row) => row.own_ns)], ["Waits", (row) => row.own_waits, count],
			["Inclusive", (row) => row.inclusive_ns, duration], ["", share((row) => row.inclusive_ns)]]);
		return [
			makeTable("locks", "Locks", report.locks, [
				["Lock", lockName, null, true], ["Waited", (lock) => lock.total_ns, duration], ["Waits", (lock) => lock.waits, count],
				["Mean", (lock) => lock.mean_ns, duration], ["Longest", (lock) => lock.max_ns, duration], ["Threads", (lock) => lock.threads, count],
				["", (lock) => (lock.ranked ? "" : "not ranked"), null, true]]),
			functions("waiting", "Functions that waited", report.waiting_functions),
			functions("holding", "Functions that kept others waiting", report.holding_functions),
			makeTable("waiting-threads", "Threads", report.threads, [
				["Thread", (thread) => `${thread.comm ?? ""} ${thread.tid}`.trim(), null, true], ["Waited", (thread) => thread.total_ns, duration],
				["Waits", (thread) => thread.waits, count], ["Longest", (thread) => thread.max_ns, duration],
				["Held others", (thread) => thread.held_ns, duration]]),
		];
	}

	choose(change) {
		Object.assign(this.choice, change);
		this.draw();
	}

	draw() {
		if (!this.choice)
			return;
		const { side, unit, lock } = this.choice;
		const locks = lock === "" ? this.locks : [this.locks[lock]];
		const rows = locks.flatMap((each) => each[side].map((row) => readRow(row, each)));
		const tree = makeTree((row) => row[unit], "all", rows);
		for (const input of document.querySelectorAll("#views input, #units input"))
			input.checked = input.value === side || input.value === unit;
		this.total = tree.value;
		this.flame.draw(tree);
		byId("caption").textContent = `${this.format(tree.value)} ${unit === "waits" ? "waits" : "waited"} for ${lock === "" ? `${count(locks.length)} lock${locks.length === 1 ? "" : "s"}` : lockName(locks[0])}, by ${side === "waiters" ? "who waited" : "who held the lock meanwhile"}.`;
		byId("details").textContent = tree.value ? this.describe(tree) : "";
		this.showFound();
	}

	filterTable() {}

	resized() {
		this.draw();
	}
}
