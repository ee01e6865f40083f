"use strict";
// Lists, entity pages and documents of a report. Opened from file://, where fetch() is refused: data comes in shards,
// scripts that call dossierShard(). Nothing here makes HTML from data: text goes in as text.

const PAGE = 50; // rows shown at once
const HELD = 60; // shards kept in memory, the latest used
const KEPT = 20000; // matches kept of a search; the rest are counted
const AHEAD = 4; // shards read ahead while searching

const root = document.body.dataset.root;
const $ = (selector, within = document) => within.querySelector(selector);
const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];
const number = (n) => n.toLocaleString("en");
const plural = (n, word) => `${number(n)} ${word}${n === 1 ? "" : "s"}`;
const percent = (c) => (c === null ? "–" : `${Math.floor(100 * c + 1e-9)}%`);
const fold = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

function el(name, attrs = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attrs)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

// ---- shards

const shards = new Map(); // "name-3" → promise of rows
const waiting = new Map(); // "name-3" → what resolves it

globalThis.dossierShard = (key, rows) => waiting.get(key)?.(rows);

function shard(name, n, size) {
  const key = `${name}-${n}`;
  const known = shards.get(key);
  if (known) shards.delete(key);
  const promise = known ?? new Promise((resolve, reject) => {
    const script = el("script", { src: `${root}data/${key}.js` });
    const done = () => (waiting.delete(key), script.remove());
    waiting.set(key, (rows) => {
      rows.forEach((row, i) => (row.number = n * size + i));
      resolve(rows);
    });
    script.onload = done;
    script.onerror = () => (done(), shards.delete(key), reject(new Error(`data/${key}.js could not be read`)));
    document.head.append(script);
  });
  shards.set(key, promise); // at the end: the latest used
  if (shards.size > HELD) shards.delete(shards.keys().next().value);
  return promise;
}

async function range(name, from, to, size) {
  const first = Math.floor(from / size);
  const parts = [];
  for (let n = first; n * size < to; n++) parts.push(shard(name, n, size));
  return (await Promise.all(parts)).flat().slice(from - first * size, to - first * size);
}

// Goes through all shards in order. Memory is bounded: beyond KEPT, the matches that come last in the order wanted go.
async function scan(name, size, rows, accept, compare, report) {
  const found = [];
  let total = 0;
  const count = Math.ceil(rows / size);
  for (let n = 0; n < count; n++) {
    for (let next = n; next < Math.min(n + AHEAD, count); next++) shard(name, next, size);
    for (const row of await shard(name, n, size)) {
      if (!accept(row)) continue;
      total++;
      if (compare || found.length < KEPT) found.push(row);
    }
    if (compare && found.length > 2 * KEPT) found.sort(compare).splice(KEPT);
    if (!report(found, total, (n + 1) / count)) return null;
  }
  if (compare) found.sort(compare);
  return { found: found.slice(0, KEPT), total };
}

// ---- lists

const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
const chip = (label, kind) => el("span", { class: `chip l${kind % 10}` }, label);
const link = (href, text) => el("a", { href }, el("bdi", {}, text));
const cell = (kind, ...children) => el("td", kind ? { class: kind } : {}, ...children);
const head = (...children) => el("th", { scope: "row" }, ...children);

function split(id) {
  const at = Math.max(id.lastIndexOf("/"), id.lastIndexOf("\\"), id.lastIndexOf("!")) + 1;
  return at < id.length ? [id.slice(0, at), id.slice(at)] : ["", id];
}

function named(href, id, ...more) {
  const [folder, name] = split(id);
  return head(link(href, name), ...(folder ? [el("span", { class: "sub" }, el("bdi", {}, folder))] : []), ...more);
}

const classed = (row, table) => row[7].map((n) => table.classes[n]).join(", ");

// A row of each table, as report_pages.py writes it
const TABLES = {
  documents: {
    // [slug, id, type, tokens, entities, labels, beginning of the summary, classes]
    word: "document",
    text: (row) => `${row[1]} ${row[6]}`,
    filters: {
      type: (row, v) => row[2] === +v, label: (row, v) => row[5].includes(+v), class: (row, v) => row[7].includes(+v),
    },
    sorts: {
      name: (r) => r[1], type: (r, t) => t.types[r[2]], tokens: (r) => r[3], entities: (r) => r[4],
      class: (r, t) => classed(r, t),
    },
    cells: (row, table) => [
      named(page(row[0]), row[1],
        ...(row[6] ? [el("span", { class: "snippet", dir: "auto" }, row[6])] : []),
        el("span", { class: "near" },
          [table.types[row[2]], ...(row[7].length ? [classed(row, table)] : []), plural(row[3], "token")].join(" · "))),
      cell("far", table.types[row[2]]), ...(table.classes ? [cell("far", classed(row, table))] : []),
      cell("num far", number(row[3])), cell("num", number(row[4])),
    ],
  },
  entities: {
    // [name, label, mentions, documents, mean confidence, first of its places, first of its relations, how many]
    word: "entity",
    words: "entities",
    text: (row) => row[0],
    filters: {
      label: (row, v) => row[1] === +v,
      documents: (row, v) => row[3] >= +v,
      confidence: (row, v) => row[4] !== null && row[4] >= v / 100,
    },
    sorts: {
      name: (r) => r[0], label: (r, t) => t.labels[r[1]], mentions: (r) => r[2], documents: (r) => r[3],
      confidence: (r) => r[4] ?? -1,
    },
    cells: (row, table) => [
      head(link(`#entity=${row.number}`, row[0]),
        el("span", { class: "near" }, chip(table.labels[row[1]], row[1]), ` ${percent(row[4])}`)),
      cell("far", chip(table.labels[row[1]], row[1])), cell("num", number(row[2])), cell("num", number(row[3])),
      cell("num far", percent(row[4])),
    ],
  },
  failures: {
    // [id, kind, message]
    word: "failure",
    text: (row) => `${row[0]} ${row[2]}`,
    filters: { kind: (row, v) => row[1] === +v },
    sorts: { name: (r) => r[0], stage: (r, t) => t.kinds[r[1]][0], error: (r, t) => t.kinds[r[1]][1] },
    cells: (row, table) => {
      const [stage, error] = table.kinds[row[1]];
      const [folder, name] = split(row[0]);
      const why = () => [el("strong", {}, error), el("span", { class: "snippet" }, row[2])];
      return [
        head(el("bdi", {}, name), ...(folder ? [el("span", { class: "sub" }, el("bdi", {}, folder))] : []),
          el("span", { class: "near" }, ...why())),
        cell("far", stage), cell("far", ...why()),
      ];
    },
  },
};

const page = (slug, part = 1) => `${root}docs/${slug.slice(0, 2)}/${slug.slice(2)}${part > 1 ? `-${part}` : ""}.html`;

function pager(nav, turn) {
  nav.addEventListener("click", (event) => {
    const way = event.target.dataset?.turn;
    if (way) turn(way);
  });
  return (at, total) => {
    const last = Math.max(0, Math.ceil(total / PAGE) - 1);
    nav.hidden = last === 0;
    $(".where", nav).textContent = `Page ${number(at + 1)} of ${number(last + 1)}`;
    for (const button of $$("button", nav)) {
      button.disabled = ["first", "previous"].includes(button.dataset.turn) ? at === 0 : at === last;
    }
    return { first: 0, previous: at - 1, next: at + 1, last };
  };
}

function list(node) {
  const name = node.dataset.table;
  const kind = TABLES[name];
  const table = { rows: +node.dataset.rows, size: +node.dataset.size };
  for (const key of ["types", "labels", "kinds", "classes"]) table[key] = JSON.parse(node.dataset[key] ?? "null");
  const form = $(".controls");
  const status = $(".status", node.parentNode);
  const heads = $$("th[data-sort]", node);
  let run = 0; // the search under way; an older one stops when it sees a newer
  let targets = {};
  let at = 0;
  const pages = pager($(".pager", node.parentNode), (way) => {
    at = targets[way];
    remember();
    show(true);
  });

  const state = () => new URLSearchParams(location.hash.slice(1));
  function recall() {
    const saved = state();
    for (const field of form.elements) if (field.name) field.value = saved.get(field.name) ?? "";
    at = Math.max(0, (parseInt(saved.get("page"), 10) || 1) - 1);
    mark(saved.get("sort") ?? "");
  }
  function remember() {
    const now = new URLSearchParams();
    for (const field of form.elements) if (field.name && field.value) now.set(field.name, field.value);
    if (sorting()) now.set("sort", sorting());
    if (at) now.set("page", at + 1);
    history.replaceState(null, "", `#${now}`);
  }
  const sorting = () => node.dataset.sorting ?? "";
  function mark(sort) {
    node.dataset.sorting = sort;
    const [key, way] = sort ? sort.split(".") : [node.dataset.stored, "descending"];
    for (const th of heads) {
      if (th.dataset.sort === key) th.setAttribute("aria-sort", way);
      else th.removeAttribute("aria-sort");
    }
  }

  function query() {
    const words = fold(form.elements.q.value).split(/\s+/).filter(Boolean);
    const filters = Object.entries(kind.filters).map(([key, test]) => [test, form.elements[key]?.value ?? ""]);
    const active = filters.filter(([, value]) => value !== "");
    const accept = (row) => {
      for (const [test, value] of active) if (!test(row, value)) return false;
      if (!words.length) return true;
      const text = (row.folded ??= fold(kind.text(row)));
      return words.every((word) => text.includes(word));
    };
    return words.length || active.length ? accept : null;
  }
  function order() {
    const [key, way] = sorting().split(".");
    const value = kind.sorts[key];
    if (!value || (key === node.dataset.stored && way === "descending")) return null;
    const sign = way === "descending" ? -1 : 1;
    return (a, b) => {
      const [x, y] = [value(a, table), value(b, table)];
      return sign * (typeof x === "string" ? collator.compare(x, y) : x - y) || a.number - b.number;
    };
  }

  const fill = (rows) => $("tbody", node).replaceChildren(...rows.map((row) => el("tr", {}, ...kind.cells(row, table))));
  const many = (n) => `${number(n)} ${n === 1 ? kind.word : (kind.words ?? `${kind.word}s`)}`;

  async function show(scroll = false) {
    const mine = ++run;
    const accept = query();
    const compare = order();
    node.setAttribute("aria-busy", "true");
    try {
      let rows, total, kept;
      if (!accept && !compare) {
        total = kept = table.rows;
        at = Math.min(at, Math.max(0, Math.ceil(kept / PAGE) - 1));
        rows = await range(name, at * PAGE, Math.min(total, (at + 1) * PAGE), table.size);
        if (mine !== run) return;
        status.textContent = many(total);
      } else {
        let shown = 0;
        const result = await scan(name, table.size, table.rows, accept ?? (() => true), compare, (found, n, done) => {
          if (mine === run && done < 1) {
            status.textContent = `Searching, ${Math.floor(100 * done)}% · ${many(n)} so far`;
            if (!compare && at === 0 && shown < PAGE && found.length > shown) {
              shown = found.length;
              fill(found.slice(0, PAGE));
            }
          }
          return mine === run;
        });
        if (!result || mine !== run) return;
        total = result.total;
        kept = result.found.length;
        at = Math.min(at, Math.max(0, Math.ceil(kept / PAGE) - 1));
        rows = result.found.slice(at * PAGE, (at + 1) * PAGE);
        status.textContent = accept ? `${many(total)} of ${number(table.rows)}` : many(total);
        if (kept < total) status.textContent += `, the first ${number(kept)} to turn through`;
      }
      fill(rows);
      targets = pages(at, kept);
      if (scroll) status.scrollIntoView({ block: "nearest" });
    } catch (error) {
      if (mine === run) status.textContent = error.message;
    } finally {
      if (mine === run) node.removeAttribute("aria-busy");
    }
  }

  let timer;
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      at = 0;
      remember();
      show();
    }, 120);
  });
  for (const th of heads) {
    $("button", th).addEventListener("click", () => {
      const now = th.getAttribute("aria-sort");
      const other = { ascending: "descending", descending: "ascending" };
      mark(`${th.dataset.sort}.${now ? other[now] : th.dataset.first}`);
      at = 0;
      remember();
      show();
    });
  }
  const enter = () => {
    if (state().has("entity")) return;
    recall();
    show();
  };
  addEventListener("hashchange", enter);
  enter();
  return table;
}

// ---- an entity and its documents

function detail(node, table) {
  const size = +node.dataset.size;
  const around = $("[data-list]");
  const status = $(".status", node);
  const lead = $(".lead", node);
  const title = document.title;
  let row = null;
  let at = 0;
  let targets = {};
  let back = "#"; // the list as it was left
  const pages = pager($(".pager", node), (way) => {
    at = targets[way];
    show();
  });
  const related = $("[data-facts]", node);
  let factAt = 0;
  let factTargets = {};
  const factPages = pager($(".pager", related), (way) => {
    factAt = factTargets[way];
    showFacts();
  });

  // [is it the head, label, number of the other, its name, its label, slug, id, part, mention, confidence, sentence]
  async function showFacts() {
    related.hidden = !row[7];
    $("h2 .n", related).textContent = number(row[7]);
    if (!row[7]) return;
    const from = row[6] + factAt * PAGE;
    const facts = await range("facts", from, Math.min(from + PAGE, row[6] + row[7]), size);
    $("tbody", related).replaceChildren(...facts.map(([isHead, label, other, name, kind, slug, id, part, m, sure, said]) => {
      const ends = [el("bdi", {}, row[0]), el("span", {}, link(`#entity=${other}`, name), " ", chip(table.labels[kind], kind))];
      if (!isHead) ends.reverse();
      return el("tr", {},
        head(ends[0], " ", el("em", {}, el("bdi", {}, label)), " ", ends[1],
          ...(said ? [el("span", { class: "snippet", dir: "auto" }, said)] : []),
          el("span", { class: "sub" }, link(`${page(slug, part)}#m${m}`, id))),
        cell("num", percent(sure)));
    }));
    factTargets = factPages(factAt, row[7]);
  }

  async function show() {
    const from = row[5] + at * PAGE;
    const places = await range("places", from, Math.min(from + PAGE, row[5] + row[3]), size);
    $("tbody", node).replaceChildren(...places.map(([slug, id, mentions, best, part]) => el("tr", {},
      named(`${page(slug, part)}#e${row.number}`, id), cell("num", number(mentions)), cell("num", percent(best)))));
    status.textContent = row[3] > PAGE ? `Documents ${number(at * PAGE + 1)} to ${number(at * PAGE + places.length)}` : "";
    targets = pages(at, row[3]);
  }
  async function enter(event) {
    const wanted = new URLSearchParams(location.hash.slice(1)).get("entity");
    const known = /^\d+$/.test(wanted ?? "") && +wanted < table.rows;
    node.hidden = !known;
    around.hidden = known;
    if (!known) {
      document.title = title;
      return;
    }
    if (event && !event.oldURL.includes("#entity=")) back = new URL(event.oldURL).hash || "#";
    $(".trail a", node).setAttribute("href", back);
    try {
      [row] = await range("entities", +wanted, +wanted + 1, table.size);
      at = 0;
      const label = table.labels[row[1]];
      $("h1", node).replaceChildren(el("bdi", {}, row[0]), " ", chip(label, row[1]));
      document.title = `${row[0]} · Dossier`;
      const sure = row[4] === null ? "" : `, mean confidence ${percent(row[4])}`;
      lead.textContent = `${plural(row[2], "mention")} in ${plural(row[3], "document")}${sure}`;
      factAt = 0;
      await Promise.all([show(), showFacts()]);
      if (event) $("h1", node).focus();
    } catch (error) {
      status.textContent = error.message;
    }
  }
  addEventListener("hashchange", enter);
  enter();
}

// ---- a document

function reader(node) {
  const form = $(".marks");
  const rows = $$(".entities tbody tr");
  const marks = $$(".text .e");
  const inspector = $(".inspector");
  const said = $("[aria-live]", inspector);
  const status = $(".entities .status");
  const kindOf = rows.map((row) => row.dataset.k);
  const heads = new Map(); // group → first fragments of its mentions
  for (const mark of marks) {
    if (!mark.id) continue;
    if (!heads.has(mark.dataset.g)) heads.set(mark.dataset.g, []);
    heads.get(mark.dataset.g).push(mark);
  }
  let group = null;
  let position = 0;
  let origin = null; // what opened the inspector, and has the focus again when it closes

  function filter() {
    const on = new Set($$("[name=label]:checked", form).map((box) => box.value));
    const least = +(form.elements.least?.value ?? 0);
    const output = $("output", form);
    if (output) output.textContent = `${least}%`;
    const sure = (c) => c === undefined || +c >= least;
    for (const mark of marks) mark.classList.toggle("off", !on.has(kindOf[mark.dataset.g]) || !sure(mark.dataset.c));
    const words = fold($("#within").value).split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const text = fold($("th bdi", row).textContent);
      row.hidden = !on.has(row.dataset.k) || !sure(row.dataset.c) || !words.every((word) => text.includes(word));
      if (!row.hidden) shown++;
    }
    status.textContent = `${number(shown)} of ${number(rows.length)} entities shown`;
    node.classList.toggle("plain", form.elements.summary?.checked === false);
    node.classList.toggle("figures", form.elements.figures?.checked === true);
  }

  function visible(g) {
    const all = heads.get(g) ?? [];
    const on = all.filter((mark) => !mark.classList.contains("off"));
    return on.length ? on : all;
  }

  function select(g, index) {
    for (const mark of $$(".e.on", node)) mark.classList.remove("on", "here");
    for (const row of $$("tr.on", node)) row.classList.remove("on");
    group = g;
    inspector.hidden = g === null;
    if (g === null) return;
    const mentions = visible(g);
    position = (index + mentions.length) % mentions.length;
    for (const mark of marks) if (mark.dataset.g === g) mark.classList.add("on");
    const here = mentions[position];
    here.classList.add("here");
    here.scrollIntoView({ block: "center" });
    const row = rows[+g];
    row.classList.add("on");
    const name = $("th bdi", row).textContent;
    said.replaceChildren(
      el("strong", {}, el("bdi", {}, name)), " ", $(".chip", row).cloneNode(true),
      ` ${position + 1} of ${number(mentions.length)}${here.title && ` · ${here.title}`}`);
    const others = $("td a", row);
    $("a", inspector).setAttribute("href", others.getAttribute("href"));
    $("a", inspector).textContent = plural(+others.textContent.replace(/,/g, ""), "document");
    for (const button of $$("[data-step]", inspector)) button.disabled = mentions.length < 2;
  }
  function close() {
    select(null, 0);
    origin?.focus();
    origin = null;
  }

  form?.addEventListener("submit", (event) => event.preventDefault());
  form?.addEventListener("input", filter);
  $("#within")?.addEventListener("input", filter);
  node.addEventListener("click", (event) => {
    const name = event.target.closest(".entities th a");
    const mark = event.target.closest(".text .e:not(.off)");
    if (name) {
      event.preventDefault();
      const g = name.closest("tr").dataset.g;
      origin = name;
      select(g, g === group ? position + 1 : 0);
      $("[data-step='1']:enabled, [data-close]", inspector).focus({ preventScroll: true });
    } else if (mark && !getSelection().toString()) {
      origin = null;
      select(mark.dataset.g, Math.max(0, visible(mark.dataset.g).findIndex((m) => m.id === `m${mark.dataset.m}`)));
    }
  });
  inspector.addEventListener("click", (event) => {
    const data = event.target.dataset ?? {};
    if (data.step) select(group, position + +data.step);
    if ("close" in data) close();
  });
  addEventListener("keydown", (event) => {
    if (event.key === "Escape" && group !== null) close();
  });

  const arrive = () => {
    const row = /^#e\d+$/.test(location.hash) && document.getElementById(location.hash.slice(1));
    if (row && heads.has(row.dataset.g)) select(row.dataset.g, 0);
  };
  addEventListener("hashchange", arrive);
  if (form) filter(); // a browser may restore the controls of an earlier visit
  addEventListener("load", () => setTimeout(arrive)); // after the browser has gone to the fragment itself
}

// ---- start

const table = $("[data-table]");
if (table) {
  const known = list(table);
  const entity = $("[data-detail]");
  if (entity) detail(entity, known);
}
const shown = $("[data-document]");
if (shown) reader(shown);
$("[data-find]")?.addEventListener("submit", (event) => {
  event.preventDefault();
  const words = new URLSearchParams({ q: event.target.elements.q.value });
  location.href = `${event.submitter?.value ?? "documents.html"}#${words}`;
});
