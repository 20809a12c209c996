// SPDX-License-Identifier: GPL-2.0-or-later
// SPDX-FileCopyrightText: 2026 the memtrace authors
// The plot over time: live bytes, allocations a second, mapped bytes; a range can be selected.
import { bytes, count, moment } from "./format.js";
import { shape } from "./dom.js";

const LANES = [
	{ key: "live", label: "live bytes", color: "var(--live)", format: bytes, height: 90 },
	{ key: "rate", label: "allocations a second", color: "var(--rate)", format: (v) => `${count(Math.round(v))}/s`, height: 60 },
	{ key: "mapped", label: "mapped bytes", color: "var(--mapped)", format: bytes, height: 60 },
];
const GAP = 20;
const AXIS = 22;

// One value for every column of pixels: the largest of the buckets that fall into it.
function columns(series, key, width, endNs) {
	const out = new Float64Array(width);
	const { buckets, bucket_ns } = series;
	let last = 0;
	for (let x = 0; x < width; x++) {
		const from = Math.floor((x * endNs) / width / bucket_ns);
		const to = Math.max(from, Math.ceil(((x + 1) * endNs) / width / bucket_ns) - 1);
		let most = 0;
		for (let i = from; i <= to && i < buckets.length; i++) {
			const bucket = buckets[i];
			const value = key === "live" ? bucket.live_max_bytes
				: key === "rate" ? (bucket.alloc_count * 1e9) / bucket_ns : bucket.mapped_bytes;
			most = Math.max(most, value);
		}
		if (from >= buckets.length)
			most = key === "rate" ? 0 : last;
		out[x] = last = most;
	}
	return out;
}

function niceStep(span, parts) {
	const raw = span / parts;
	const power = 10 ** Math.floor(Math.log10(raw));
	return [1, 2, 5, 10].map((f) => f * power).find((step) => step >= raw);
}

export class Plot {
	constructor(box, model, onRange) {
		this.box = box;
		this.model = model;
		this.onRange = onRange;
		this.range = null;
		box.addEventListener("keydown", (event) => this.handleKey(event));
		box.addEventListener("pointerdown", (event) => this.beginDrag(event));
	}

	draw() {
		const width = Math.max(200, this.box.clientWidth);
		const height = LANES.reduce((sum, lane) => sum + lane.height + GAP, AXIS);
		this.width = width;
		this.svg = shape("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img",
			"aria-label": "live bytes, allocation rate and mapped bytes over time" });
		let y = 0;
		for (const lane of LANES) {
			this.drawLane(lane, y + GAP);
			y += lane.height + GAP;
		}
		this.drawAxis(y, width);
		this.mark = shape("rect", { class: "selection", y: 0, height: y, x: 0, width: 0 });
		this.svg.append(this.mark);
		this.box.replaceChildren(this.svg);
		this.drawRange();
	}

	drawLane(lane, top) {
		const values = columns(this.model.report.series, lane.key, this.width, this.model.endNs);
		const most = values.reduce((a, b) => Math.max(a, b), 0);
		const y = (value) => (most ? top + lane.height * (1 - value / most) : top + lane.height).toFixed(1);
		let path = `M0 ${top + lane.height}`;
		values.forEach((value, x) => (path += `L${x} ${y(value)}L${x + 1} ${y(value)}`));
		path += `L${this.width} ${top + lane.height}Z`;
		this.svg.append(
			shape("path", { d: path, fill: lane.color, "data-lane": lane.key }),
			shape("line", { x1: 0, x2: this.width, y1: top + lane.height, y2: top + lane.height, class: "axis" }),
			shape("text", { x: 0, y: top - 5, class: "lane" }, lane.label),
			shape("text", { x: this.width, y: top - 5, class: "lane", "text-anchor": "end" }, `most ${lane.format(most)}`),
		);
	}

	drawAxis(top, width) {
		const end = this.model.endNs;
		const step = niceStep(end, Math.max(2, Math.floor(width / 110)));
		for (let ns = 0; ns <= end; ns += step) {
			const x = (ns * width) / end;
			const anchor = x < 20 ? "start" : x > width - 30 ? "end" : "middle";
			this.svg.append(
				shape("line", { x1: x, x2: x, y1: GAP, y2: top, class: "tick" }),
				shape("text", { x, y: top + 16, "text-anchor": anchor, class: "tick-label" }, moment(ns, step)),
			);
		}
	}

	nsAt(event) {
		const x = event.clientX - this.svg.getBoundingClientRect().left;
		return Math.max(0, Math.min(1, x / this.width)) * this.model.endNs;
	}

	// A range of whole slices: finer than them nothing is known.
	snap(a, b) {
		const slice = this.model.sliceNs;
		const from = Math.floor(Math.min(a, b) / slice) * slice;
		const to = Math.max(from + slice, Math.ceil(Math.max(a, b) / slice) * slice);
		return [Math.min(from, Math.floor((this.model.endNs - 1) / slice) * slice), to];
	}

	beginDrag(event) {
		if (event.button !== 0)
			return;
		const start = this.nsAt(event), startX = event.clientX;
		let moved = false;
		const move = (at) => {
			moved ||= Math.abs(at.clientX - startX) > 3;
			if (moved)
				this.select(this.snap(start, this.nsAt(at)), false);
		};
		const stop = (at) => {
			this.box.removeEventListener("pointermove", move);
			this.box.removeEventListener("pointerup", stop);
			this.box.removeEventListener("pointercancel", stop);
			this.select(moved ? this.range : null, true);
		};
		this.box.setPointerCapture(event.pointerId);
		this.box.addEventListener("pointermove", move);
		this.box.addEventListener("pointerup", stop);
		this.box.addEventListener("pointercancel", stop);
	}

	select(range, final) {
		this.range = range;
		this.drawRange();
		this.onRange(range, final);
	}

	drawRange() {
		const [from, to] = this.range ?? [0, 0];
		const scale = this.width / this.model.endNs;
		this.mark.setAttribute("x", from * scale);
		this.mark.setAttribute("width", Math.max(0, Math.min(to, this.model.endNs) - from) * scale);
	}

	handleKey(event) {
		const step = Math.max(1, Math.round(this.model.endNs / 40 / this.model.sliceNs)) * this.model.sliceNs;
		const sign = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
		if (event.key === "Escape")
			this.select(null, true);
		else if (sign && !this.range)
			this.select(this.snap(0, step), true);
		else if (sign && event.shiftKey)
			this.select(this.snap(this.range[0], Math.max(this.range[0] + 1, this.range[1] + sign * step)), true);
		else if (sign)
			this.move(sign * step);
		else
			return;
		event.preventDefault();
	}

	move(by) {
		const [from, to] = this.range;
		const last = Math.ceil(this.model.endNs / this.model.sliceNs) * this.model.sliceNs;
		const room = Math.max(-from, Math.min(by, last - to));
		this.select([from + room, to + room], true);
	}
}
