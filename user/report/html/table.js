// SPDX-License-Identifier: GPL-2.0-or-later
// SPDX-FileCopyrightText: 2026 the memtrace authors
// The table of call sites: sortable, searchable, a row opens its stack.
import { base, bytes, count, duration } from "./format.js";
import { byId, element } from "./dom.js";
import { callers, mainFrame } from "./model.js";

const PAGE = 20;

const COLUMNS = [
	{ key: "name", label: "Allocated in", text: true, value: (site) => mainFrame(site).name },
	{ key: "chosen", label: "Shown above", value: null },
	{ key: "live_bytes", label: "Live", format: bytes },
	{ key: "live_count", label: "Blocks", format: count },
	{ key: "peak_bytes", label: "At peak", format: bytes },
	{ key: "allocated_bytes", label: "Allocated", format: bytes },
	{ key: "allocated_count", label: "Calls", format: count },
	{ key: "temporary_count", label: "Temporary", format: count },
	{ key: "oldest_ns", label: "Oldest", format: (ns) => (ns ? duration(ns) : "–") },
];

// Enough to tell sites apart; the row opens the rest.
const CALLERS = 3;

export class Table {
	constructor(table, more, model) {
		this.model = model;
		this.head = table.tHead;
		this.body = table.tBodies[0];
		this.more = more;
		this.sort = { key: "chosen", down: true };
		this.limit = PAGE;
		this.open = new Set();
		this.sites = [];
		this.measure = () => 0;
		this.format = bytes;
		this.term = "";
		more.addEventListener("click", () => this.showMore());
		this.drawHead();
	}

	// The figures that the flame graph shows come first, and once.
	get columns() {
		return COLUMNS.filter((column) => column.key !== this.shown);
	}

	drawHead() {
		const row = element("tr");
		for (const column of this.columns)
			row.append(element("th", { scope: "col", "data-key": column.key, class: column.text ? "text" : null },
				element("button", { type: "button", onclick: () => this.sortBy(column.key) }, column.label)));
		this.head.replaceChildren(row);
	}

	sortBy(key) {
		const text = COLUMNS.find((column) => column.key === key).text;
		this.sort = { key, down: this.sort.key === key ? !this.sort.down : !text };
		this.draw();
	}

	showMore() {
		this.limit += 10 * PAGE;
		this.draw();
	}

	show({ sites, measure, format, title, shown, term }) {
		Object.assign(this, { sites, measure, format, title, shown, term: term.toLowerCase() });
		if (this.sort.key === shown)
			this.sort = { key: "chosen", down: true };
		this.drawHead();
		this.head.querySelector('[data-key="chosen"] button').textContent = title;
		this.draw();
	}

	value(column, site) {
		if (column.key === "chosen")
			return this.measure(site);
		return column.value ? column.value(site) : site[column.key];
	}

	rows() {
		const column = COLUMNS.find((each) => each.key === this.sort.key);
		const sign = this.sort.down ? -1 : 1;
		const compare = column.text ? (a, b) => sign * a[1].localeCompare(b[1]) : (a, b) => sign * (a[1] - b[1]);
		return this.sites
			.filter((site) => !this.term || site.frames.some((frame) => frame.text.includes(this.term)))
			.map((site) => [site, this.value(column, site)])
			.sort((a, b) => compare(a, b) || a[0].index - b[0].index)
			.map(([site]) => site);
	}

	draw() {
		for (const cell of this.head.querySelectorAll("th"))
			cell.setAttribute("aria-sort", cell.dataset.key !== this.sort.key ? "none"
				: this.sort.down ? "descending" : "ascending");
		const rows = this.rows();
		const body = [];
		for (const site of rows.slice(0, this.limit)) {
			body.push(this.drawRow(site));
			if (this.open.has(site.index))
				body.push(this.drawStack(site));
		}
		this.body.replaceChildren(...body);
		this.more.hidden = rows.length <= this.limit;
		this.more.textContent = `Show more (${count(rows.length - this.limit)} left)`;
	}

	drawRow(site) {
		const frame = mainFrame(site);
		const isOpen = this.open.has(site.index);
		const name = element("button", { type: "button", class: "open", "aria-expanded": String(isOpen),
			onclick: () => this.toggle(site) }, frame.name);
		const row = element("tr", { "data-site": site.index });
		const from = callers(site, CALLERS);
		row.append(element("td", { class: "text" }, name,
			from.length ? element("span", { class: "place callers" }, `from ${from.join(" ← ")}`) : null,
			element("span", { class: "place", title: frame.place }, base(frame.place))));
		for (const column of this.columns.slice(1))
			row.append(element("td", { "data-key": column.key, "data-label": column.key === "chosen" ? this.title : column.label }, (column.format ?? this.format)(this.value(column, site))));
		return row;
	}

	toggle(site) {
		if (!this.open.delete(site.index))
			this.open.add(site.index);
		this.draw();
		byId("sites").querySelector(`tr[data-site="${site.index}"] button`)?.focus();
	}

	drawStack(site) {
		const list = element("ol", { class: "stack" });
		for (const frame of site.frames)
			list.append(element("li", null, frame.name, frame.inlined ? " (inlined)" : "",
				element("span", { class: "place" }, frame.place)));
		const why = site.end && site.end !== "complete" ? element("p", null, `The stack ends early: ${site.end}.`) : null;
		return element("tr", { class: "details" }, element("td", { colspan: this.columns.length }, list, why));
	}
}
