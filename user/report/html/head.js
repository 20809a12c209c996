// SPDX-License-Identifier: GPL-2.0-or-later
// SPDX-FileCopyrightText: 2026 the memtrace authors
// The top of the page: what was traced, what was lost, the totals.
import { bytes, count, dateTime, duration, percent } from "./format.js";
import { byId, element } from "./dom.js";

function words(key) {
	return key.replaceAll("_", " ");
}

function listLosses(causes) {
	return Object.entries(causes ?? {}).filter(([, value]) => value > 0);
}

function showLosses({ events }) {
	const box = byId("losses");
	const lost = listLosses(events.lost_by_cause), other = listLosses(events.other_losses);
	const seen = `${count(events.seen)} heap events`;
	const share = percent(events.lost, events.lost + events.seen);
	const text = events.lost > 0 ? `${count(events.lost)} of ${count(events.seen + events.lost)} heap events were lost (${share}): the figures below are too low or too high by as much.`
		: `No heap event was lost (${seen}).`;
	const missing = events.missing_from_recording;
	box.className = events.lost > 0 || missing > 0 ? "bad" : "good";
	box.replaceChildren(element("p", null, text));
	if (missing > 0)
		box.append(element("p", null, `${count(missing)} records are missing from the recording: this is a part of the run.`));
	if (lost.length + other.length)
		box.append(element("ul", null, [...lost, ...other].map(([key, value]) => element("li", null, `${words(key)}: ${count(value)}`))));
}

function describeMemory(memory) {
	const kept = memory.kept_by_allocator_bytes_estimate ?? 0;
	return [
		memory.rss_bytes && `${bytes(memory.rss_bytes)}${memory.at_exit ? " at exit" : ""}`,
		memory.peak_rss_bytes && `peak ${bytes(memory.peak_rss_bytes)}`,
		kept > 0 && `about ${bytes(kept)} kept by the allocator`,
	].filter(Boolean).join(", ");
}

function showTotals({ heap, mappings, memory }) {
	const totals = [
		["Live", `${bytes(heap.live_bytes)} in ${count(heap.live_count)} blocks`],
		["Peak", `${bytes(heap.peak_bytes)} at ${duration(heap.peak_at_ns)}`],
		["Allocated", `${bytes(heap.alloc_bytes)} in ${count(heap.alloc_count)} calls`],
		["Freed", `${bytes(heap.freed_bytes)} in ${count(heap.free_count)} calls`],
		["Temporary", `${count(heap.temporary_count)} (${percent(heap.temporary_count, heap.alloc_count)})`],
		["Failed", count(heap.failed_count)],
		["Mapped", bytes(mappings.mapped_bytes)],
	];
	if (memory?.process_count)
		totals.push(["In memory (RSS)", describeMemory(memory)]);
	byId("totals").replaceChildren(...totals.map(([name, value]) =>
		element("div", null, element("dt", null, name), element("dd", null, value))));
}

export function showHead(report) {
	const target = report.target ?? {};
	const command = target.command ?? `process ${target.pid}`;
	const start = report.started_unix_ns ? dateTime(report.started_unix_ns) : "";
	document.title = `memtrace: ${command}`;
	byId("heading").textContent = command;
	byId("run").textContent = [
		target.pid ? `process ${target.pid}` : "",
		report.targets.length > 1 ? `and ${report.targets.length - 1} more` : "",
		`traced for ${duration(report.duration_ns)}`, start && `from ${start}`,
		report.memtrace && `by memtrace ${report.memtrace}`,
	].filter(Boolean).join(", ").replace(", and", " and");
	showLosses(report);
	showTotals(report);
	byId("notes").replaceChildren(...report.notes.map((note) => element("li", null, note)));
}
