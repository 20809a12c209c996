// SPDX-License-Identifier: GPL-2.0-or-later
// SPDX-FileCopyrightText: 2026 the memtrace authors
// The report as the page uses it: sites with their figures, for the whole run, a range of time or a
// thread.
import { base, hex } from "./format.js";

export const VIEWS = [
	{ key: "live", thread: true, label: "Live", title: "blocks that were not freed", units: ["bytes", "count"] },
	{ key: "peak", label: "Peak", title: "the heap when it was largest", units: ["bytes", "count"] },
	{ key: "grown", label: "Growth", title: "more live blocks at the end than at the beginning", units: ["bytes", "count"] },
	{ key: "allocated", thread: true, label: "Allocated", title: "all allocations, freed or not", units: ["bytes", "count"] },
	{ key: "mapped", label: "Mapped", title: "memory that the program mapped by calls of its own, apart from the heap", units: ["bytes"] },
	{ key: "temporary", thread: true, label: "Temporary", title: "freed before the thread allocated again", units: ["count"] },
];

// The columns of a site's and a slice's row, as user/report/html.c writes them.
const SITE = ["live_count", "live_bytes", "peak_count", "peak_bytes", "allocated_count",
	"allocated_bytes", "temporary_count", "free_count", "failed_count", "oldest_ns", "mean_ns"];
const CELL = ["live_count", "live_bytes", "allocated_count", "allocated_bytes", "temporary_count"];
const NOTHING = Object.fromEntries(CELL.map((key) => [key, 0]));

function readFrame(row, strings) {
	const [fn, file, module, line, inlined, offset, python] = row;
	const frame = {
		file: strings[file],
		module: strings[module],
		line,
		inlined: !!inlined,
		python: !!python,
	};
	if (fn)
		frame.name = strings[fn];
	else
		frame.name = frame.module ? `[${base(frame.module)}+${hex(offset)}]` : hex(offset);
	frame.place = frame.file ? `${frame.file}${line ? `:${line}` : ""}` : frame.module;
	frame.text = `${frame.name}\n${frame.file}\n${frame.module}`.toLowerCase();
	return frame;
}

// What can be left out of the graph: the interpreter's and libraries' native frames, Python's own, and
// those of the way in which it imports modules.
export const HIDABLE = {
	native: { label: "native", hides: (frame) => !frame.python },
	python: { label: "Python", hides: (frame) => frame.python },
	imports: { label: "import system", hides: (frame) => frame.python && frame.file.startsWith("<frozen importlib") },
};

// A stack from its innermost node outwards: each tells how far back its caller stands.
function readStack(node, nodes, frames) {
	const out = [];
	while (node > 0) {
		out.push(frames[nodes[2 * node - 1]]);
		node -= nodes[2 * node - 2];
	}
	return out;
}

function readSite(site, index, nodes, frames) {
	const out = { index, end: site.end, unknown: site.unknown, caller: site.c, cells: [], threads: new Map() };
	SITE.forEach((key, i) => (out[key] = site.v?.[i] ?? 0));
	out.mapped_bytes = site.bytes ?? 0;
	out.isMapped = site.bytes !== undefined;
	if (out.isMapped)
		out.allocated_count = site.calls;
	out.frames = readStack(site.s, nodes, frames);
	if (!out.frames.length) {
		const name = site.unknown ?? "(no frames)";
		out.frames = [{ name, file: "", module: "", place: "", line: 0, inlined: false, text: name.toLowerCase() }];
	}
	return out;
}

// The one that says who allocates: the report has told wrappers, pools and containers apart.
export function mainFrame(site) {
	return site.frames[site.caller] ?? site.frames[0];
}

// Who called it: the next frames with other names, which tell sites of one function apart.
export function callers(site, most) {
	const names = [];
	let last = mainFrame(site);
	for (const frame of site.frames.slice(site.frames.indexOf(last) + 1)) {
		if (frame.name !== last.name)
			names.push(frame.name);
		if (names.length === most)
			break;
		last = frame;
	}
	return names;
}

export class Model {
	constructor(report) {
		const data = report.flame;
		const frames = data.frames.map((row) => readFrame(row, data.strings));
		this.report = report;
		this.hasPython = frames.some((frame) => frame.python);
		this.sites = data.sites.map((site, index) => readSite(site, index, data.nodes, frames));
		this.mapped = data.mapped.map((site, index) => readSite(site, this.sites.length + index, data.nodes, frames));
		this.sliceNs = data.slices.width_ns;
		this.sliceCount = Math.max(1, data.slices.count);
		this.sliceLost = data.slices.lost;
		for (const [site, slice, ...values] of data.slices.cells) {
			const cell = { slice };
			CELL.forEach((key, i) => (cell[key] = values[i]));
			this.sites[site].cells.push(cell);
		}
		this.readThreads(data.threads);
		this.totals = null;
	}

	readThreads(rows) {
		this.threads = new Map();
		for (const [site, process, tid, ...values] of rows) {
			const key = `${process}:${tid}`;
			const known = this.threads.get(key) ?? { key, process, tid, bytes: 0 };
			const share = {};
			CELL.forEach((name, i) => (share[name] = values[i]));
			known.bytes += share.allocated_bytes;
			this.threads.set(key, known);
			this.sites[site].threads.set(key, share);
		}
	}

	// The end of the run in ns: its duration, or what the last slice needs.
	get endNs() {
		return Math.max(this.report.duration_ns, 1);
	}

	// The slices that a range of ns touches.
	slicesOf(range) {
		const last = this.sliceCount - 1;
		const clamp = (ns) => Math.max(0, Math.floor(ns / this.sliceNs));
		return [clamp(range[0]), Math.max(clamp(range[0]), Math.min(clamp(range[1] - 1), Math.max(last, clamp(range[0]))))];
	}

	static at(site, slice) {
		const cells = site.cells;
		let low = 0, high = cells.length;
		while (low < high) {
			const middle = (low + high) >> 1;
			if (cells[middle].slice <= slice)
				low = middle + 1;
			else
				high = middle;
		}
		return low ? cells[low - 1] : NOTHING;
	}

	// Bytes live at the end of every slice, all sites together.
	sliceTotals() {
		if (this.totals)
			return this.totals;
		const steps = new Float64Array(this.sliceCount);
		for (const site of this.sites) {
			let before = 0;
			for (const cell of site.cells) {
				steps[Math.min(cell.slice, this.sliceCount - 1)] += cell.live_bytes - before;
				before = cell.live_bytes;
			}
		}
		for (let i = 1; i < steps.length; i++)
			steps[i] += steps[i - 1];
		return (this.totals = steps);
	}

	// When the heap was largest in the range: exactly known if the run's peak lies in it.
	peakOf(range) {
		const at = this.report.heap.peak_at_ns;
		if (!range || (at >= range[0] && at < range[1]))
			return { exact: true, ns: at };
		const [first, last] = this.slicesOf(range);
		const totals = this.sliceTotals();
		let best = Math.min(first, totals.length - 1);
		for (let i = best; i <= last && i < totals.length; i++)
			if (totals[i] > totals[best])
				best = i;
		return { exact: false, slice: best, ns: (best + 1) * this.sliceNs };
	}

	// The sites that a view shows: what is mapped is never added up with the heap.
	sitesOf(view) {
		return view === "mapped" ? this.mapped : this.sites;
	}

	get views() {
		return VIEWS.filter((view) => view.key !== "mapped" || this.mapped.length);
	}

	// A function from site to figure for what is chosen: { view, unit, range, thread }.
	measure({ view, unit, range, thread }) {
		const key = `_${unit}`;
		if (view === "mapped")
			return (site) => site.mapped_bytes;
		if (thread)
			return (site) => site.threads.get(thread)?.[view + key] ?? 0;
		if (!range)
			return (site) => site[`${view === "grown" ? "live" : view}${key}`] ?? 0;
		const [first, last] = this.slicesOf(range);
		const peak = this.peakOf(range);
		switch (view) {
		case "live":
			return (site) => Model.at(site, last)[`live${key}`];
		case "peak":
			return peak.exact ? (site) => site[`peak${key}`]
				: (site) => Model.at(site, peak.slice)[`live${key}`];
		case "grown":
			return (site) => Math.max(0, Model.at(site, last)[`live${key}`] - Model.at(site, first - 1)[`live${key}`]);
		default:
			return (site) => Model.at(site, last)[view + key] - Model.at(site, first - 1)[view + key];
		}
	}

	tree(measure, label, sites = this.sites, hidden = []) {
		return makeTree(measure, label, sites, hidden);
	}
}

// The tree of calls below `label`, outermost first, by what `measure` says of each site, without the
// frames that one of `hidden` (keys of HIDABLE) hides.
export function makeTree(measure, label, sites, hidden = []) {
	const root = { name: label, value: 0, frame: null, byName: new Map(), children: [] };
	for (const site of sites) {
		const value = measure(site);
		if (!(value > 0))
			continue;
		let node = root;
		root.value += value;
		for (let i = site.frames.length - 1; i >= 0; i--) {
			if (hidden.some((key) => HIDABLE[key].hides(site.frames[i])))
				continue;
			node = descend(node, site.frames[i]);
			node.value += value;
		}
	}
	return root;
}

function descend(node, frame) {
	// Python has functions of one name in many files: <module>, __init__.
	const key = frame.python ? `${frame.name}\n${frame.file}` : frame.inlined ? `${frame.name}\n` : frame.name;
	let child = node.byName.get(key);
	if (!child) {
		child = { name: frame.name, value: 0, frame, byName: new Map(), children: [] };
		node.byName.set(key, child);
		node.children.push(child);
	}
	return child;
}
