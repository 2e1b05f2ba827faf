"use strict";

const METHODS = ["get", "head", "post", "put", "patch", "delete", "options"];

// Text with `code` in backticks, as Markdown has it.
function marked(text) {
  return String(text).split(/`([^`]+)`/).map((part, place) => {
    if (place % 2 === 0) return part;
    const code = document.createElement("code");
    code.textContent = part;
    return code;
  });
}

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.append(...marked(text));
  if (className) made.className = className;
  return made;
}

function schemaName(schema) {
  if (!schema) return "";
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.type === "array") return `[${schemaName(schema.items)}]`;
  if (schema.oneOf) return schema.oneOf.map(schemaName).filter(Boolean).join(" | ");
  return Array.isArray(schema.type) ? schema.type.join(" | ") : schema.type || "";
}

function table(heads, rows) {
  const made = element("table");
  const head = made.createTHead().insertRow();
  for (const text of heads) head.append(element("th", text));
  const body = made.createTBody();
  for (const row of rows) {
    const line = body.insertRow();
    for (const text of row) line.append(element("td", text));
  }
  return made;
}

function bodies(content) {
  return Object.entries(content || {}).map(([kind, media]) => `${kind} ${schemaName(media.schema)}`.trim()).join(", ");
}

function route(path, method, operation) {
  const made = element("details");
  const line = element("summary");
  line.append(element("span", method.toUpperCase(), "method"), element("span", path, "path"), element("span", (operation["x-access"] || "").replace(":", " · "), "access"));
  made.append(line);
  for (const text of [operation.summary, operation.description]) {
    if (text) made.append(element("p", text));
  }
  const parameters = (operation.parameters || []).map((it) => [it.name, it.in, schemaName(it.schema), it.description || ""]);
  if (parameters.length) made.append(table(["parameter", "in", "type", ""], parameters));
  if (operation.requestBody) made.append(element("p", `Body: ${bodies(operation.requestBody.content)}`));
  const responses = Object.entries(operation.responses || {}).map(([status, it]) => [status, bodies(it.content), it.description || ""]);
  if (responses.length) made.append(table(["status", "body", ""], responses));
  return made;
}

function schema(name, described) {
  const made = element("details");
  const line = element("summary");
  line.append(element("span", name, "path"));
  made.append(line, element("pre", JSON.stringify(described, null, 2)));
  return made;
}

function draw(api) {
  const groups = new Map();
  for (const [path, item] of Object.entries(api.paths)) {
    for (const method of METHODS.filter((it) => item[it])) {
      const group = (item[method].tags || ["other"])[0];
      if (!groups.has(group)) groups.set(group, []);
      groups.get(group).push(route(path, method, item[method]));
    }
  }
  const schemas = Object.entries((api.components || {}).schemas || {});
  groups.set("schemas", schemas.map(([name, described]) => schema(name, described)));
  const all = [...groups].map(([group, routes]) => {
    const section = element("section");
    section.append(element("h2", group), ...routes);
    return section;
  });
  document.getElementById("routes").replaceChildren(...all);
}

function find(words) {
  for (const entry of document.querySelectorAll("details")) {
    entry.hidden = !entry.textContent.toLowerCase().includes(words.toLowerCase());
  }
}

document.getElementById("find").addEventListener("input", (event) => find(event.target.value));
fetch("/openapi.json")
  .then((answer) => answer.json())
  .then(draw)
  .catch((error) => document.getElementById("routes").replaceChildren(element("p", `The document could not be read: ${error}`)));
