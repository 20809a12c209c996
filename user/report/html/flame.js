// SPDX-License-Identifier: GPL-2.0-or-later
// SPDX-FileCopyrightText: 2026 the memtrace authors
// The flame graph: d3-flame-graph with our colours, our words, and the keyboard.
import flamegraph from "d3-flame-graph";
import { select } from "d3-selection";

const HUES = { app: 28, library: 205, system: 140, unknown: 0, inlined: 275, python: 52 };

function hash(text) {
	let value = 2166136261;
	for (let i = 0; i < text.length; i++)
		value = Math.imul(value ^ text.charCodeAt(i), 16777619);
	return value >>> 0;
}

// The hue says where a frame is from, the shade tells neighbours apart.
function color(frame, dark) {
	if (!frame)
		return dark ? "#4a4f57" : "#d6d9de";
	let kind = "app";
	if (frame.python)
		kind = "python";
	else if (frame.inlined)
		kind = "inlined";
	else if (!frame.module)
		kind = "unknown";
	else if (/\/(ld-|libc[.-]|libpthread|ld-musl)/.test(frame.module))
		kind = "system";
	else if (/\.so(\.|$)/.test(frame.module))
		kind = "library";
	const shade = hash(frame.name) % 14;
	return `hsl(${HUES[kind]} ${dark ? 45 : 70}% ${(dark ? 32 : 66) + shade}%)`;
}

export class Flame {
	constructor(box, { describe, onDetails, isDark }) {
		this.box = box;
		this.isDark = isDark;
		this.onDetails = onDetails;
		this.describe = describe;
		this.term = "";
		this.focused = null;
		this.chart = flamegraph()
			.cellHeight(20)
			.minFrameSize(1)
			.inverted(true)
			.sort((a, b) => b.data.value - a.data.value)
			.transitionDuration(matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 200)
			.setColorMapper((d) => (d.highlight ? "var(--hit)" : color(d.data.frame, this.isDark())))
			.label((d) => describe(d.data))
			.setSearchMatch((d, term) => !!d.data.frame && d.data.frame.text.includes(term))
			.onHover((d) => onDetails(d.data))
			.onClick((d) => this.showZoom(d));
		this.chart.setSearchHandler((results, sum, total) => this.onSearch?.(results.length, sum, total));
		box.addEventListener("keydown", (event) => this.handleKey(event));
		box.addEventListener("focusout", () => this.setFocus(null));
	}

	showZoom(node) {
		this.zoomed = node;
		this.box.dataset.zoom = node.data.name;
		this.onDetails(node.data);
		this.onZoom?.(node.depth > 0);
		this.sizeSoon();
	}

	// The height that the frames on show need: d3-flame-graph keeps that of the whole.
	sizeSoon() {
		const svg = this.box.querySelector("svg");
		const nodes = select(this.box).datum()?.descendants?.() ?? [];
		let deepest = 0;
		const width = this.box.clientWidth || 300;
		for (const node of nodes)
			if ((node.x1 - node.x0) * width > 1 && node.depth > deepest)
				deepest = node.depth;
		svg?.setAttribute("height", (deepest + 1) * 20 + 2);
	}

	draw(tree) {
		this.focused = null;
		this.zoomed = null;
		this.box.dataset.zoom = "";
		this.box.replaceChildren();
		this.onZoom?.(false);
		if (!tree.value)
			return;
		this.chart.width(this.box.clientWidth || 300).height(null);
		select(this.box).datum(tree).call(this.chart);
		if (this.term)
			this.chart.search(this.term);
		this.sizeSoon();
	}

	search(term) {
		this.term = term.toLowerCase();
		if (!this.box.firstChild)
			return;
		if (this.term)
			this.chart.search(this.term);
		else
			this.chart.clear();
		this.sizeSoon();
	}

	reset() {
		if (this.box.firstChild)
			this.chart.resetZoom();
		this.zoomed = null;
		this.box.dataset.zoom = "";
		this.onZoom?.(false);
		this.sizeSoon();
	}

	root() {
		return select(this.box).datum();
	}

	setFocus(node) {
		this.box.querySelector(".focused")?.classList.remove("focused");
		this.focused = node;
		if (!node)
			return;
		for (const group of this.box.querySelectorAll("g.frame"))
			if (group.__data__ === node) {
				group.classList.add("focused");
				group.scrollIntoView({ block: "nearest" });
			}
		this.onDetails(node.data);
	}

	// The neighbour of the focused frame in the direction of an arrow key.
	neighbour(key) {
		const node = this.focused ?? this.zoomed ?? this.root();
		const shown = (list) => (list ?? []).filter((child) => child.value > 0).sort((a, b) => a.x0 - b.x0);
		if (!this.focused)
			return node;
		if (key === "ArrowUp")
			return node.parent ?? node;
		if (key === "ArrowDown")
			return shown(node.children)[0] ?? node;
		const row = shown(node.parent?.children);
		return row[row.indexOf(node) + (key === "ArrowRight" ? 1 : -1)] ?? node;
	}

	handleKey(event) {
		if (!this.box.firstChild || event.ctrlKey || event.metaKey || event.altKey)
			return;
		if (event.key.startsWith("Arrow"))
			this.setFocus(this.neighbour(event.key));
		else if (event.key === "Enter" && this.focused)
			this.chart.zoomTo(this.focused);
		else if (event.key === "Escape")
			this.reset();
		else
			return;
		event.preventDefault();
	}
}
