// Reads [{panel, frames}] from standard input, does with them what Grafana does between a data
// source's answer and a panel, and writes [{columns, display}]: the columns that the panel gets,
// with each value as text, and of stat and bar gauge panels what they say.
"use strict";

globalThis.navigator ??= { language: "en", languages: ["en"] };
const grafana = require("@grafana/data");
// Grafana's library looks for its page when it is used; what it is made of, when it is loaded, and
// takes a page for a whole browser.
globalThis.window = { grafanaBootData: { settings: { featureToggles: {} } }, location: {} };
const { lastValueFrom } = require("rxjs");

const transformers = new Map();
for (const it of Object.values(grafana.standardTransformers)) {
  if (!transformers.has(it.id)) transformers.set(it.id, it);
}
grafana.standardTransformersRegistry.setInit(() =>
  [...transformers.values()].map((it) => ({ id: it.id, name: it.name, transformation: async () => it })),
);

// Grafana's front end declares each option of a field; these are the ones that the dashboards set.
const options = [
  "unit",
  "decimals",
  "min",
  "max",
  "color",
  "thresholds",
  "displayName",
  "noValue",
  "mappings",
];
const registry = new grafana.FieldConfigOptionsRegistry(() =>
  options.map((path) => ({
    id: path,
    path,
    name: path,
    process: (value) => value,
    shouldApply: () => true,
  })),
);
const theme = grafana.createTheme();
const replaceVariables = (text) => text;

function overridden(panel, data) {
  // Options of a panel's kind (custom.…) change how cells are drawn, not what they say.
  const overrides = panel.fieldConfig.overrides.map((it) => ({
    ...it,
    properties: it.properties.filter((one) => options.includes(one.id)),
  }));
  return grafana.applyFieldOverrides({
    data,
    fieldConfig: { defaults: { ...panel.fieldConfig.defaults, custom: {} }, overrides },
    fieldConfigRegistry: registry,
    replaceVariables,
    theme,
    timeZone: "utc",
  });
}

function text(field, value) {
  const shown = field.display ? field.display(value) : { text: String(value) };
  return `${shown.prefix ?? ""}${shown.text}${shown.suffix ?? ""}`;
}

function display(panel, data) {
  const values = grafana.getFieldDisplayValues({
    data,
    fieldConfig: panel.fieldConfig,
    reduceOptions: panel.options.reduceOptions,
    replaceVariables,
    theme,
    timeZone: "utc",
  });
  return values.map(({ display: it }) => ({
    title: it.title ?? "",
    text: `${it.prefix ?? ""}${it.text}${it.suffix ?? ""}`,
    color: it.color,
  }));
}

async function show({ panel, frames }) {
  for (const { id } of panel.transformations) {
    // Grafana leaves out what it does not know, and says nothing.
    if (!transformers.has(id)) throw new Error(`${panel.title}: no transformation ${id}`);
  }
  const transformed = await lastValueFrom(
    grafana.transformDataFrame(panel.transformations, frames.map(grafana.dataFrameFromJSON)),
  );
  const data = overridden(panel, transformed);
  const columns = data.flatMap((frame) =>
    frame.fields.map((field) => ({
      name: grafana.getFieldDisplayName(field, frame, data),
      type: field.type,
      values: [...field.values],
      texts: [...field.values].map((it) => text(field, it)),
      color: field.config.color?.fixedColor ?? null,
    })),
  );
  return { columns, display: panel.options.reduceOptions ? display(panel, data) : [] };
}

async function main() {
  let input = "";
  for await (const chunk of process.stdin) input += chunk;
  const shown = [];
  for (const it of JSON.parse(input)) shown.push(await show(it));
  process.stdout.write(JSON.stringify(shown));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
