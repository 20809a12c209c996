// SPDX-License-Identifier: GPL-2.0-or-later
// SPDX-FileCopyrightText: 2026 the memtrace authors
// Elements. Names come from the traced program and may hold anything: they become text, never markup.

const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
	for (const [key, value] of Object.entries(attributes ?? {})) {
		if (key.startsWith("on"))
			node.addEventListener(key.slice(2), value);
		else if (value !== null && value !== undefined && value !== false)
			node.setAttribute(key, value === true ? "" : String(value));
	}
	for (const child of children.flat())
		if (child !== null && child !== undefined)
			node.append(child);
	return node;
}

export function element(name, attributes, ...children) {
	return fill(document.createElement(name), attributes, children);
}

export function shape(name, attributes, ...children) {
	return fill(document.createElementNS(SVG, name), attributes, children);
}

export function byId(id) {
	return document.getElementById(id);
}

export function narrow() {
	return window.innerWidth < 640;
}
