// SPDX-License-Identifier: GPL-2.0-or-later
// SPDX-FileCopyrightText: 2026 the memtrace authors
// Makes the page: bundles the scripts and the style and puts them into the template. The result,
// page.bundled.html, is in the repository, so that building memtrace takes no npm packages. The
// report's JSON takes the place of MARKER when a page is written (report/html.c).
//	node bundle.mjs OUTPUT
import { buildSync } from "esbuild";
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const MARKER = "/*REPORT*/";

// app.js with all that it imports, the style sheets among them.
function bundle() {
	const result = buildSync({
		entryPoints: [join(here, "app.js")],
		bundle: true,
		write: false,
		outdir: here,
		format: "iife",
		target: "es2020",
		charset: "utf8",
		legalComments: "none",
		// Names stay: d3-flame-graph looks at that of a constructor.
		minifyWhitespace: true,
		minifySyntax: true,
		metafile: true,
		logLevel: "silent",
	});
	const text = (type) => result.outputFiles.find((file) => extname(file.path) === type).text;
	return { script: text(".js"), style: text(".css"), inputs: Object.keys(result.metafile.inputs) };
}

// The licenses of what was bundled want to go with it.
function licenses(inputs) {
	const packages = new Set();
	for (const input of inputs) {
		const found = input.match(/node_modules\/((?:@[^/]+\/)?[^/]+)\//);
		if (found)
			packages.add(found[1]);
	}
	return [...packages].sort().map((name) => {
		const folder = join(here, "node_modules", name);
		const license = readdirSync(folder).find((file) => /^licen[cs]e/i.test(file));
		const text = license && existsSync(join(folder, license))
			? readFileSync(join(folder, license), "utf8") : "";
		return `${name}\n\n${text}`;
	}).join("\n---\n").replaceAll("*/", "* /").replaceAll("</", "< /");
}

function put(template, marker, text) {
	const parts = template.split(marker);
	if (parts.length !== 2)
		throw new Error(`the template needs ${marker} once`);
	return parts[0] + text + parts[1];
}

function main(output) {
	const { script, style, inputs } = bundle();
	let page = readFileSync(join(here, "page.html"), "utf8");

	page = put(page, "/*STYLE*/", style);
	page = put(page, "/*SCRIPT*/",
		`/*\n${licenses(inputs)}*/\n${script.replaceAll("</script", "<\\/script")}`);
	if (page.split(MARKER).length !== 2)
		throw new Error(`the page needs ${MARKER} once`);
	writeFileSync(output, page);
}

main(process.argv[2]);
