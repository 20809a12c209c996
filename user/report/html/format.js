// SPDX-License-Identifier: GPL-2.0-or-later
// SPDX-FileCopyrightText: 2026 the memtrace authors
// Figures and names as people read them.

const STEPS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

export function bytes(value) {
	let step = 0, scaled = Math.abs(value);
	while (scaled >= 1024 && step < STEPS.length - 1) {
		scaled /= 1024;
		step++;
	}
	const digits = step === 0 || scaled >= 100 ? 0 : scaled >= 10 ? 1 : 2;
	return `${value < 0 ? "−" : ""}${scaled.toFixed(digits)} ${STEPS[step]}`;
}

export function count(value) {
	return value.toLocaleString("en-US");
}

// Three digits; toPrecision alone would make 1.00e+3 of 999.9.
function threeDigits(value) {
	return value >= 999.5 ? value.toFixed(0) : value.toPrecision(3);
}

export function duration(ns) {
	if (ns < 1e3)
		return `${Math.round(ns)} ns`;
	if (ns < 1e6)
		return `${threeDigits(ns / 1e3)} µs`;
	if (ns < 1e9)
		return `${threeDigits(ns / 1e6)} ms`;
	const seconds = ns / 1e9;
	if (seconds < 60)
		return `${threeDigits(seconds)} s`;
	if (seconds < 3600)
		return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`;
	return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}

// A moment of the run, fine enough for axis labels `step` ns apart.
export function moment(ns, step) {
	const decimals = Math.max(0, Math.min(6, Math.ceil(9 - Math.log10(step))));
	return `${(ns / 1e9).toFixed(decimals)} s`;
}

// The reader's clock, in the order that sorts.
export function dateTime(unixNs) {
	const date = new Date(unixNs / 1e6);
	const two = (number) => String(number).padStart(2, "0");
	return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

export function percent(part, whole) {
	return whole > 0 ? `${((100 * part) / whole).toFixed(1)} %` : "–";
}

export function base(path) {
	return path.slice(path.lastIndexOf("/") + 1);
}

export function hex(value) {
	return `0x${value.toString(16)}`;
}
