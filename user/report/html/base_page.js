// SPDX-License-Identifier: GPL-2.0-or-later
// SPDX-FileCopyrightText: 2026 the memtrace authors
// What every page has: a flame graph with its search and zoom, themes, keys. A page says what is drawn
// (draw), what its figures are (format), and what else a search filters (filterTable).
import { byId, element } from "./dom.js";
import { Flame } from "./flame.js";
import { count, percent } from "./format.js";

const THEMES = ["auto", "light", "dark"];

export class BasePage {
	constructor() {
		this.total = 0;
		this.flame = new Flame(byId("flame"), {
			describe: (node) => this.describe(node),
			onDetails: (node) => (byId("details").textContent = this.describe(node, true)),
			isDark: () => this.isDark(),
		});
		this.flame.onZoom = (zoomed) => (byId("reset").disabled = !zoomed);
		this.flame.onSearch = (found, sum, total) => (this.found = { found, sum, total });
		byId("search").addEventListener("input", (event) => this.search(event.target.value));
		byId("reset").addEventListener("click", () => this.flame.reset());
		byId("theme").addEventListener("click", () => this.nextTheme());
		document.addEventListener("keydown", (event) => this.handleKey(event));
		window.addEventListener("resize", () => this.resizeSoon());
		matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
	}

	describe(node, whole) {
		const share = percent(node.value, this.total);
		const place = whole && node.frame?.place ? ` — ${node.frame.place}` : "";
		return `${node.name}${node.frame?.inlined ? " (inlined)" : ""}: ${this.format(node.value)}, ${share}${place}`;
	}

	isDark() {
		const theme = document.documentElement.dataset.theme;
		return theme ? theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
	}

	// A choice of `name` in the group with that id; the page's `choose` is told.
	addRadio(group, name, key, label, title) {
		byId(group).append(element("label", { title },
			element("input", { type: "radio", name, value: key, onchange: () => this.choose({ [name]: key }, true) }),
			element("span", null, label)));
	}

	search(term) {
		this.found = null;
		this.flame.search(term);
		this.filterTable(term);
		this.showFound();
	}

	showFound() {
		if (byId("search").value && this.found)
			byId("details").textContent = `${count(this.found.found)} frames found: ${this.format(this.found.sum)}, ${percent(this.found.sum, this.found.total)}`;
	}

	nextTheme() {
		const root = document.documentElement;
		const next = THEMES[(THEMES.indexOf(root.dataset.theme ?? "auto") + 1) % THEMES.length];
		if (next === "auto")
			delete root.dataset.theme;
		else
			root.dataset.theme = next;
		byId("theme").textContent = `Theme: ${next}`;
		this.draw();
	}

	resizeSoon() {
		cancelAnimationFrame(this.resizing);
		this.resizing = requestAnimationFrame(() => this.resized());
	}

	handleKey(event) {
		if (event.key === "/" && !/^(INPUT|SELECT)$/.test(document.activeElement?.tagName)) {
			byId("search").focus();
			event.preventDefault();
		} else if (event.key === "Escape" && document.activeElement === byId("search")) {
			byId("search").value = "";
			this.search("");
			byId("flame").focus();
		}
	}
}
