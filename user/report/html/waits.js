// SPDX-License-Identifier: GPL-2.0-or-later
// SPDX-FileCopyrightText: 2026 the memtrace authors
// The wait-for graph: threads as boxes, an arrow from who waits to who holds, cycles in red.
import { byId, element, shape } from "./dom.js";
import { duration, hex } from "./format.js";

const BOX = { width: 150, height: 40, gapX: 60, gapY: 78 };

function lockName(wait) {
	if (wait.kind === "join")
		return "its end";
	return wait.lock?.name ?? hex(wait.lock?.address ?? wait.uaddr);
}

function ownerTid(wait) {
	return wait.owner?.tid ?? null;
}

// Threads of one name that wait alike, and for whom nobody waits, are one: { wait, others }.
function groupWaits(waits) {
	const owners = new Set(waits.map(ownerTid));
	const groups = new Map();
	for (const wait of waits) {
		const key = owners.has(wait.tid) ? wait.tid
			: [wait.pid, wait.comm, wait.kind, lockName(wait), ownerTid(wait), wait.verdict].join("\n");
		if (groups.has(key))
			groups.get(key).others.push(wait);
		else
			groups.set(key, { wait, others: [] });
	}
	return [...groups.values()];
}

// Nobody holds what it waits for: a worker without work, as most threads of a server are.
function isIdle({ wait }) {
	return /^(STALL|IDLE)\b/.test(wait.verdict ?? "");
}

// Nodes by TID: the waiters, and owners that wait for nothing.
function makeNodes(groups) {
	const nodes = new Map();
	for (const { wait, others } of groups)
		nodes.set(wait.tid, { tid: wait.tid, comm: wait.comm, wait, others: others.length });
	for (const { wait } of groups) {
		const tid = ownerTid(wait);
		if (tid !== null && !nodes.has(tid))
			nodes.set(tid, { tid, comm: wait.owner.comm ?? "", wait: null, others: 0 });
	}
	return nodes;
}

// The nodes of a cycle that `node` is in, or null.
function cycleOf(node, nodes) {
	const path = [];
	for (let at = node; at && !path.includes(at); at = at.wait && nodes.get(ownerTid(at.wait))) {
		path.push(at);
		if (at.wait && nodes.get(ownerTid(at.wait)) === node)
			return path;
	}
	return null;
}

// Row 0 has cycles and owners that do not wait; whoever waits for a row stands below it.
function place(nodes) {
	const rows = [];
	const put = (node, row) => {
		node.row = row;
		(rows[row] ??= []).push(node);
	};
	for (const node of nodes.values()) {
		if (node.row !== undefined)
			continue;
		const cycle = cycleOf(node, nodes);
		for (const member of cycle ?? []) {
			member.inCycle = true;
			put(member, 0);
		}
		if (!cycle && (!node.wait || !nodes.has(ownerTid(node.wait))))
			put(node, 0);
	}
	for (let row = 0, found = true; found; row++) {
		found = false;
		for (const node of nodes.values())
			if (node.row === undefined && nodes.get(ownerTid(node.wait)).row === row) {
				put(node, row + 1);
				found = true;
			}
	}
	rows.forEach((row) => row.forEach((node, i) => {
		node.x = 20 + i * (BOX.width + BOX.gapX);
		node.y = 36 + node.row * (BOX.height + BOX.gapY);
	}));
	return rows;
}

function edgePath(from, to) {
	const half = BOX.width / 2;
	if (from === to)
		return { d: `M${from.x + 30} ${from.y}c-20 -40 110 -40 90 0`, x: from.x + half, y: from.y - 22 };
	if (from.row === to.row && Math.abs(from.x - to.x) > BOX.width + BOX.gapX + 1) {
		const deep = from.y + BOX.height + 34;
		return { d: `M${from.x + half} ${from.y + BOX.height}C${from.x + half} ${deep} ${to.x + half} ${deep} ${to.x + half} ${to.y + BOX.height}`,
			x: (from.x + to.x) / 2 + half, y: deep - 6 };
	}
	if (from.row === to.row) {
		const right = to.x > from.x, y = from.y + (right ? 12 : 28);
		const a = right ? from.x + BOX.width : from.x, b = right ? to.x : to.x + BOX.width;
		return { d: `M${a} ${y}L${b} ${y}`, x: (a + b) / 2, y: right ? from.y - 4 : from.y + BOX.height + 14 };
	}
	return { d: `M${from.x + half} ${from.y}L${to.x + half} ${to.y + BOX.height}`,
		x: (from.x + to.x) / 2 + half, y: (from.y + to.y + BOX.height) / 2 };
}

function cut(text, length) {
	return text.length > length ? `${text.slice(0, length - 1)}…` : text;
}

function drawEdge(node, to) {
	const { d, x, y } = edgePath(node, to);
	const certain = node.wait.owner?.certainty === "exact";
	const name = lockName(node.wait);
	return shape("g", { class: node.inCycle && to.inCycle ? "edge cycle" : "edge" },
		shape("path", { d, "marker-end": "url(#arrow)", "stroke-dasharray": certain ? null : "5 4" }),
		shape("text", { x, y, "text-anchor": "middle" }, cut(name, 26), shape("title", null, name)));
}

function drawNode(node) {
	return shape("g", { class: node.inCycle ? "thread cycle" : "thread", "data-tid": node.tid },
		shape("rect", { x: node.x, y: node.y, width: BOX.width, height: BOX.height, rx: 6 }),
		shape("text", { x: node.x + BOX.width / 2, y: node.y + 17, "text-anchor": "middle" }, cut(node.comm || "?", 20)),
		shape("text", { x: node.x + BOX.width / 2, y: node.y + 32, "text-anchor": "middle", class: "tid" }, node.others ? `${node.tid} and ${node.others} alike` : `thread ${node.tid}`));
}

function drawGraph(nodes, rows) {
	const widest = Math.max(...rows.map((row) => row.length));
	const width = 40 + widest * (BOX.width + BOX.gapX), height = rows.length * (BOX.height + BOX.gapY);
	const svg = shape("svg", { width, height, role: "img", "aria-label": "wait-for graph" },
		shape("defs", null, shape("marker", { id: "arrow", viewBox: "0 0 8 8", refX: 8, refY: 4, markerWidth: 8,
			markerHeight: 8, orient: "auto-start-reverse" }, shape("path", { d: "M0 0L8 4L0 8Z" }))));
	for (const node of nodes.values()) {
		const to = node.wait && nodes.get(ownerTid(node.wait));
		if (to)
			svg.append(drawEdge(node, to));
	}
	for (const node of nodes.values())
		svg.append(drawNode(node));
	return svg;
}

function describe(wait, node) {
	const owner = wait.owner ?? {};
	let held = "owner unknown";
	if (owner.tid !== undefined)
		held = `held by ${owner.comm ?? ""} (${owner.tid})${owner.certainty === "exact" ? "" : `, ${owner.certainty}`}`;
	else if (owner.dead)
		held = "its owner is dead";
	const age = wait.age_ns !== undefined ? ` for ${duration(wait.age_ns)}` : "";
	const verdict = /DEADLOCK/.test(wait.verdict) && !node?.inCycle ? "behind the deadlock" : wait.verdict ?? "";
	const what = wait.kind === "join" && owner.tid !== undefined ? `the end of ${owner.comm ?? ""} (${owner.tid})`
		: `${lockName(wait)} (${wait.kind}), ${held}`;
	return `${wait.comm} (${wait.tid}) has waited${age} for ${what}: ${verdict}`;
}

function drawList(groups, nodes) {
	return groups.map(({ wait, others }) => element("details", null,
		element("summary", null, describe(wait, nodes.get(wait.tid)), others.length ? ` And ${others.length} alike: ${others.map((each) => each.tid).join(", ")}.` : ""),
		wait.owner?.reason ? element("p", null, wait.owner.reason) : null,
		element("ol", { class: "stack" }, (wait.stack ?? []).map((frame) =>
			element("li", null, frame.function ?? hex(frame.address), element("span", { class: "place" }, frame.file ?? frame.module ?? ""))))));
}

function showIdle(idle, nodes) {
	const box = byId("waits-idle");
	const threads = idle.reduce((sum, { others }) => sum + 1 + others.length, 0);
	box.hidden = !threads;
	box.querySelector("summary").textContent = `${threads} idle thread${threads === 1 ? "" : "s"}: nobody holds what they wait for`;
	box.querySelector("div").replaceChildren(...drawList(idle, nodes));
}

export function showWaits(report) {
	const waits = report.waits ?? [];
	if (!waits.length)
		return;
	const groups = groupWaits(waits), nodes = makeNodes(groups);
	const wanted = new Set(groups.map(({ wait }) => ownerTid(wait)));
	const idle = groups.filter((group) => isIdle(group) && !wanted.has(group.wait.tid));
	const busy = groups.filter((group) => !idle.includes(group));
	const deadlocks = (report.deadlocks ?? []).length;
	byId("waits").hidden = false;
	byId("waits-heading").textContent = deadlocks ? `Who waits for whom: ${deadlocks} deadlock${deadlocks > 1 ? "s" : ""}` : "Who waits for whom";
	byId("waits").classList.toggle("deadlock", deadlocks > 0);
	// A deadlock is what one came for: nothing stands before it.
	if (deadlocks)
		byId("waits").parentElement.prepend(byId("waits"));
	const drawn = makeNodes(busy);
	byId("waits-graph").replaceChildren(...(drawn.size ? [drawGraph(drawn, place(drawn))] : []));
	byId("waits-list").replaceChildren(...drawList(busy, drawn));
	showIdle(idle, nodes);
}
