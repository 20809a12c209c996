// SPDX-License-Identifier: GPL-2.0-or-later
// SPDX-FileCopyrightText: 2026 the memtrace authors
// The page: reads the report that stands in it, and keeps plot, flame graph and table in step.
import { BasePage } from "./base_page.js";
import { ContentionPage } from "./contention.js";
import { bytes, count, duration, percent } from "./format.js";
import { byId, element } from "./dom.js";
import { showHead } from "./head.js";
import { HIDABLE, Model, VIEWS } from "./model.js";
import { Plot } from "./plot.js";
import { Table } from "./table.js";
import { showWaits } from "./waits.js";
import "./style.css";

class Page extends BasePage {
	constructor(report) {
		super();
		this.report = report;
		this.model = new Model(report);
		this.choice = { view: "live", unit: "bytes", range: null, thread: "" };
		// Of a program that has no heap but what it maps itself.
		if (!this.model.sites.length && this.model.mapped.length)
			this.choice.view = "mapped";
		showHead(report);
		showWaits(report);
		this.plot = new Plot(byId("plot"), this.model, (range, final) => this.choose({ range }, final));
		this.table = new Table(byId("sites"), byId("more"), this.model);
		this.makeControls();
		this.plot.draw();
		this.draw();
	}

	get format() {
		return this.choice.unit === "bytes" ? bytes : count;
	}

	makeControls() {
		for (const view of this.model.views)
			this.addRadio("views", "view", view.key, view.label, view.title);
		this.addRadio("units", "unit", "bytes", "Bytes", "requested bytes");
		this.addRadio("units", "unit", "count", "Count", "blocks or calls");
		this.makeHiding();
		this.makeThreads();
		byId("range-clear").addEventListener("click", () => this.plot.select(null, true));
	}

	// Where a Python program was traced.
	makeHiding() {
		byId("hide").hidden = !this.model.hasPython;
		for (const [key, { label }] of Object.entries(HIDABLE))
			byId("hide").append(element("label", { title: `leave ${label} frames out of the flame graph` },
				element("input", { type: "checkbox", value: key, onchange: () => this.draw() }), element("span", null, label)));
	}

	hidden() {
		return [...document.querySelectorAll("#hide input:checked")].map((input) => input.value);
	}

	makeThreads() {
		const threads = [...this.model.threads.values()].sort((a, b) => b.bytes - a.bytes);
		const select = byId("thread");
		const many = this.report.processes.length > 1;
		select.append(element("option", { value: "" }, "all"));
		for (const thread of threads) {
			const process = many ? this.report.processes.find((each) => each.number === thread.process) : null;
			const name = thread.tid ? `${thread.tid}${process?.command ? ` of ${process.command}` : ""}` : "others";
			select.append(element("option", { value: thread.key }, `${name}: ${bytes(thread.bytes)} allocated`));
		}
		select.addEventListener("change", () => this.choose({ thread: select.value }, true));
		byId("thread-label").hidden = threads.length < 2;
	}

	// Of a thread neither the peak nor the course of time is known, of what is mapped not the latter;
	// temporaries have no bytes.
	settle() {
		if (this.choice.thread) {
			if (!VIEWS.find((each) => each.key === this.choice.view).thread)
				this.choice.view = "live";
			this.forgetRange();
		}
		if (this.choice.view === "mapped")
			this.forgetRange();
		const view = VIEWS.find((each) => each.key === this.choice.view);
		if (!view.units.includes(this.choice.unit))
			this.choice.unit = view.units[0];
		for (const input of document.querySelectorAll("#views input")) {
			input.checked = input.value === this.choice.view;
			input.disabled = !!this.choice.thread && !VIEWS.find((each) => each.key === input.value).thread;
		}
		for (const input of document.querySelectorAll("#units input")) {
			input.checked = input.value === this.choice.unit;
			input.disabled = !view.units.includes(input.value);
		}
		byId("thread").value = this.choice.thread;
	}

	// Where the course of time is not known.
	forgetRange() {
		if (!this.plot.range)
			return;
		this.plot.range = this.choice.range = null;
		this.plot.drawRange();
	}

	choose(change, final) {
		Object.assign(this.choice, change);
		if (change.range)
			this.choice.thread = "";
		this.showRange();
		if (final)
			this.draw();
	}

	showRange() {
		const { range } = this.choice;
		const fine = duration(this.model.sliceNs);
		byId("range-clear").hidden = !range;
		byId("range-text").textContent = range
			? `From ${duration(range[0])} to ${duration(Math.min(range[1], this.model.endNs))} (sites are known every ${fine})`
			: `Whole run: ${duration(this.report.duration_ns)}`;
	}

	caption() {
		const { view, range, thread } = this.choice;
		const peak = view === "peak" ? this.model.peakOf(range) : null;
		const by = thread ? ` by thread ${thread.split(":")[1]}` : "";
		const when = range ? `in the range from ${duration(range[0])} to ${duration(Math.min(range[1], this.model.endNs))}` : "in the whole run";
		const sentences = {
			live: range ? `live at the end of the range, ${duration(Math.min(range[1], this.model.endNs))}` : thread ? `live at the end, allocated${by}` : "live at the end",
			peak: peak && (peak.exact ? `at the heap's peak, ${duration(peak.ns)}` : `when most was live at the end of a slice of the range, ${duration(peak.ns)}`),
			grown: `more live than before, ${when}`,
			allocated: `allocated ${when}${by}`,
			temporary: `temporary allocations ${when}${by}`,
			mapped: "mapped by calls of the program's own, at the end; not part of the heap",
		};
		const cut = view !== "mapped" && this.report.site_count > this.model.sites.length ? ` Of ${count(this.report.site_count)} call sites ${count(this.model.sites.length)} are in this report.` : "";
		const lost = range && this.model.sliceLost ? " Part of the history had no memory: ranges are incomplete." : "";
		return `${this.format(this.total)} ${sentences[view]}.${cut}${lost}`;
	}

	draw() {
		this.settle();
		this.showRange();
		const measure = this.model.measure(this.choice);
		const sites = this.model.sitesOf(this.choice.view);
		const tree = this.model.tree(measure, "all", sites, this.hidden());
		this.total = tree.value;
		this.flame.draw(tree);
		byId("caption").textContent = tree.value ? this.caption() : `Nothing to show: ${this.caption()}`;
		byId("details").textContent = tree.value ? this.describe(tree) : "";
		const view = VIEWS.find((each) => each.key === this.choice.view);
		const { range, thread, unit } = this.choice;
		this.table.show({ sites, measure, format: this.format, title: `${view.label}${range ? " in range" : ""}`,
			shown: range || thread ? null : `${view.key}_${unit}`, term: byId("search").value });
		this.showFound();
	}

	filterTable(term) {
		const { sites, measure, format, title, shown } = this.table;
		this.table.show({ sites, measure, format, title, shown, term });
	}

	resized() {
		if (this.plot.width === this.plot.box.clientWidth)
			return;
		this.plot.draw();
		this.draw();
	}
}

// Characters that reorder or hide text, which the report has as escapes, are shown as "?". An escaped
// backslash is no beginning of one.
const INVISIBLE = /\\\\|\\u(?:00ad|061c|115f|1160|180[b-f]|200[b-f]|202[89a-e]|206[0-9a-f]|3164|fe0[0-9a-f]|feff|ffa0|fff[0-9ab])|\\udb4[0-3]\\ud[c-f][0-9a-f]{2}/gi;

function readReport(text) {
	return JSON.parse(text.replace(INVISIBLE, (found) => (found === "\\\\" ? found : "?")));
}

const report = readReport(byId("report").textContent);

window.memtracePage = report.profile === "contention" ? new ContentionPage(report) : new Page(report);
