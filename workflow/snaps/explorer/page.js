// The explorer of a study. Data lie in script elements of the page: "study" as JSON; of each
// model, grouping and layer a packed block (see snaps/explorer/maps.py), unpacked when it is first
// looked at; recordings as MP3; plotly.js, compressed.
"use strict";

(() => {
  const study = JSON.parse(document.getElementById("study").textContent);
  const element = (id) => document.getElementById(id);
  const CONTROLS = ["model", "layer", "grouping", "a", "b", "percentile"];
  const FONT = { family: 'system-ui, "Segoe UI", Helvetica, Arial, sans-serif', size: 12, color: study.colours.text };
  const SETTINGS = { displaylogo: false, responsive: true, modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"] };
  const TINTS = { a: "#cfe3f1", b: "#f5dfb8" };
  const QUIET = "#5c5c5c";
  const LIMIT_QUANTILE = 0.999;
  const HERTZ = [500, 1000, 2000, 4000];
  const DOMAINS = [[0, 0.485], [0.515, 1]];
  const NEAREST = 12;

  let state = {};
  let drawn = 0;

  // ---- data ---------------------------------------------------------------------------------

  function stored(name) {
    return document.querySelector(`script[data-name="${CSS.escape(name)}"]`);
  }

  function bytesOf(name) {
    const binary = atob(stored(name).textContent);
    const bytes = new Uint8Array(binary.length);
    for (let k = 0; k < bytes.length; k++) bytes[k] = binary.charCodeAt(k);
    return bytes;
  }

  async function inflate(bytes) {
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Response(stream).arrayBuffer();
  }

  const layers = new Map();

  function unpackLayer(name) {
    if (!layers.has(name)) layers.set(name, inflate(bytesOf(name)).then(readLayer));
    return layers.get(name);
  }

  function readLayer(buffer) {
    const view = new DataView(buffer);
    let start = 4 + view.getUint32(0, true);
    const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, start - 4)));
    const cells = header.features.length * header.steps.length;
    const codes = {};
    for (const [name, scales] of Object.entries(header.maps)) {
      codes[name] = new Int8Array(buffer, start, scales.length * cells);
      start += scales.length * cells;
    }
    const place = new Map(header.clustered.map((group, k) => [group, k]));
    const size = header.clustered.length;

    // Rows are features, columns steps; a SNAP is activation times mask.
    function values(kind, group) {
      if (kind === "snap") {
        const mask = values("mask", group);
        return values("activation", group).map((row, f) => row.map((x, t) => x * mask[f][t]));
      }
      const unit = header.maps[kind][group] / study.levels;
      const width = header.steps.length;
      return header.features.map((_, f) => {
        const first = group * cells + f * width;
        return Array.from(codes[kind].subarray(first, first + width), (code) => code * unit);
      });
    }

    // Distance of two groups that were clustered; condensed as by scipy.
    function distance(one, other) {
      const [i, j] = [place.get(one), place.get(other)].sort((x, y) => x - y);
      if (i === j) return 0;
      const code = view.getUint16(start + 2 * (size * i - (i * (i + 1)) / 2 + j - i - 1), true);
      return (code * header.farthest) / study.distance_levels;
    }
    return { ...header, values, distance, has: (group) => place.has(group) };
  }

  const theModel = () => study.models.find((model) => model.name === state.model);
  const theGrouping = () => theModel().groupings[state.grouping];
  const layerId = () => `${state.model}/${state.grouping}/${state.layer}`;

  // ---- words --------------------------------------------------------------------------------

  const number = (value) => value.toLocaleString("en-GB");
  const significant = (value) => String(Number(value.toPrecision(3)));
  const percent = (share) => `${(100 * share).toFixed(share > 0.995 && share < 1 ? 1 : 0)} %`;
  const shown = (group) => (group === " " ? "\u2423" : group);
  const manner = (group) => (theGrouping().kind === "phones" ? study.manner[group] : undefined);
  const colourOf = (group) => study.colours.manner[manner(group)] || study.colours.text;
  const escaped = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;");
  const coloured = (group, text) =>
    `<span style="color:${colourOf(group)}">${escaped(text === undefined ? shown(group) : text)}</span>`;
  const frames = (group) => theGrouping().count[theGrouping().groups.indexOf(group)];
  const kindOfGroup = () =>
    state.grouping === "predicted" ? `predicted ${theGrouping().kind}` : "annotated phones";
  const layerLabel = () => theModel().layers.find((layer) => layer.name === state.layer).label;

  function paragraph(text, name) {
    const node = document.createElement("p");
    node.textContent = text;
    if (name) node.className = name;
    return node;
  }

  // ---- state and controls ---------------------------------------------------------------------

  function readHash() {
    return Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
  }

  function writeHash() {
    const text = new URLSearchParams(CONTROLS.map((name) => [name, state[name]]));
    history.replaceState(null, "", `#${text}`);
  }

  const oneOf = (wanted, choices, otherwise) => (choices.includes(wanted) ? wanted : otherwise);

  // Take over what exists; anything else falls back to what the page begins with.
  function settle(wanted) {
    const names = study.models.map((model) => model.name);
    state = { model: oneOf(wanted.model, names, study.first_model) };
    const model = theModel();
    const layerNames = model.layers.map((layer) => layer.name);
    state.layer = oneOf(wanted.layer, layerNames, layerNames[0]);
    state.grouping = oneOf(wanted.grouping, Object.keys(model.groupings), study.first_grouping);
    const { groups, first } = theGrouping();
    state.a = oneOf(wanted.a, groups, first[0]);
    state.b = oneOf(wanted.b, groups, first.find((group) => group !== state.a) || first[0]);
    const percentiles = study.percentiles.map(String);
    state.percentile = oneOf(wanted.percentile, percentiles, percentiles[Math.floor(percentiles.length / 2)]);
  }

  function option(value, text) {
    return new Option(text, value);
  }

  function fillSelect(id, nodes) {
    element(id).replaceChildren(...nodes);
    element(id).value = state[id];
  }

  function groupOptions() {
    const { groups, count, kind } = theGrouping();
    const entries = groups.map((group, k) => {
      const name = group === " " ? "\u2423 (space)" : group;
      return [manner(group), option(group, `${name} \u00b7 ${number(count[k])}`)];
    });
    if (kind !== "phones") return entries.map(([, node]) => node);
    const sections = new Map();
    for (const [name, node] of entries) {
      if (!sections.has(name)) {
        const section = document.createElement("optgroup");
        section.label = name;
        sections.set(name, section);
      }
      sections.get(name).append(node);
    }
    return [...sections.values()];
  }

  function showControls() {
    const model = theModel();
    fillSelect("model", study.models.map(({ name }) => option(name, name)));
    fillSelect("layer", model.layers.map(({ name, label }) => option(name, label)));
    fillSelect("grouping", Object.entries(model.groupings).map(([name, { kind }]) =>
      option(name, name === "predicted" ? `predicted ${kind}` : "annotated phones")));
    fillSelect("a", groupOptions());
    fillSelect("b", groupOptions());
    fillSelect("percentile", study.percentiles.map((p, k) => option(String(p), `${study.places[k]} percentile`)));
  }

  function choose(changes) {
    settle({ ...state, ...changes });
    writeHash();
    return draw();
  }

  // ---- maps -----------------------------------------------------------------------------------

  function largest(maps) {
    const size = maps.flat(2).map(Math.abs).sort((x, y) => x - y);
    return size[Math.ceil(LIMIT_QUANTILE * size.length) - 1] || size[size.length - 1] || 1;
  }

  function mapRows() {
    const power = state.layer === "input";
    const unit = power ? "\u0394 ln power" : "\u0394 activation";
    const rows = [
      ["snap", "SNAP", "activation profile \u00d7 mask", `${unit} \u00d7 mask`],
      ["mask", "Saliency mask", "where the features matter", "share of maximum"],
      ["activation", "Activation profile", "aligned mean minus mean of all frames", unit],
    ];
    if (power) rows.splice(1, 0, ["navai", "NAvAI", "no mask, centred on the largest saliency", unit]);
    return rows;
  }

  const isOutput = () => theModel().layers.at(-1).name === state.layer;

  // Names of the rows of a map: frequencies, output units or numbers of features.
  function featureNames(layer) {
    if (state.layer === "input") return layer.features.map((f) => `${number(study.mel_hz[f])} Hz`);
    const { units } = theModel();
    return layer.features.map((f) => (isOutput() ? (units[f] === "<blank>" ? "blank" : shown(units[f])) : String(f)));
  }

  function featureTicks(names, height) {
    if (state.layer === "input") {
      const hz = study.mel_hz;
      const ticks = HERTZ.filter((f) => f >= hz[0] && f <= hz.at(-1));
      // Between the centres of two bands.
      const at = ticks.map((f) => {
        const above = hz.findIndex((centre) => centre >= f);
        return above ? above - (hz[above] - f) / (hz[above] - hz[above - 1]) : 0;
      });
      return { tickvals: at, ticktext: ticks.map(number) };
    }
    const every = Math.ceil((names.length * 10.5) / height);
    const kept = names.map((_, k) => k).filter((k) => k % every === 0);
    return { tickvals: kept, ticktext: kept.map((k) => escaped(names[k])), tickfont: { size: 9.5 } };
  }

  function drawMaps(layer) {
    const input = state.layer === "input";
    const rows = mapRows();
    const names = featureNames(layer);
    const height = input ? 172 : Math.max(190, Math.min(310, 10.5 * names.length));
    const [top, bottom, gap] = [32, 44, 30];
    const total = rows.length * (height + gap);
    const times = layer.steps.map((step) => step * study.step_ms);
    const groups = theGrouping().groups;
    const columns = ["a", "b"].map((name) => groups.indexOf(state[name]));
    const titles = rows.map(([, title]) => title);
    const labels = names.map((name) => layer.steps.map(() => name));
    const traces = [];
    const annotations = [];
    const layout = {
      font: FONT,
      height: total + top + bottom,
      margin: { l: 62, r: 96, t: top, b: bottom },
      paper_bgcolor: "white",
      plot_bgcolor: "white",
      hoverlabel: { font: FONT, bgcolor: "white" },
      shapes: [],
    };
    rows.forEach(([kind, title, words, unit], row) => {
      const high = 1 - (row * (height + gap) + gap) / total;
      const low = high - height / total;
      const maps = columns.map((group) => layer.values(kind, group));
      const end = kind === "mask" && theGrouping().mask_scale === "group" ? 1 : largest(maps);
      annotations.push({
        text: `<b>${title}</b>  <span style="color:${QUIET}">${words}</span>`,
        x: 0, xref: "paper", xanchor: "left", y: high, yref: "paper", yanchor: "bottom", yshift: 1, showarrow: false,
      });
      maps.forEach((z, column) => {
        layout.shapes.push({
          type: "rect", xref: "paper", yref: "paper", x0: DOMAINS[column][0], x1: DOMAINS[column][1], y0: low, y1: high,
          line: { color: study.colours.text, width: 0.7 },
        });
        const y = `y${row === 0 && column === 0 ? "" : 2 * row + column + 1}`;
        const x = column === 0 ? "x" : "x2";
        traces.push({
          type: "heatmap", z, x0: times[0], dx: study.step_ms, xaxis: x, yaxis: y,
          name: `${title} of ${shown(state[column ? "b" : "a"])}`,
          customdata: labels,
          zmin: kind === "mask" ? 0 : -end, zmax: end,
          colorscale: kind === "mask" ? study.colours.share : study.colours.diverging,
          showscale: column === 1,
          colorbar: {
            x: 1.015, y: (high + low) / 2, len: height, lenmode: "pixels", thickness: 10, outlinewidth: 0.5, ypad: 0,
            title: { text: unit, side: "right", font: { ...FONT, size: 11 } }, tickfont: { size: 10 }, nticks: 6,
          },
          hovertemplate: `%{x:.0f} ms, ${input || isOutput() ? "" : "feature "}%{customdata}<br>%{z:.3g}<extra>${title}</extra>`,
        });
        layout[`yaxis${y.slice(1)}`] = {
          domain: [low, high], anchor: x, showgrid: false, zeroline: false, ticks: "outside", ticklen: 3,
          range: [-0.5, names.length - 0.5], showticklabels: column === 0,
          matches: row || column ? "y" : undefined,
          title: column ? undefined : { text: input ? "Frequency (Hz)" : isOutput() ? "Output unit" : "Feature", standoff: 4, font: { ...FONT, size: 11 } },
          ...featureTicks(names, height),
        };
      });
    });
    const lowest = 2 * rows.length;
    ["x", "x2"].forEach((name, column) => {
      const domain = DOMAINS[column];
      const margin = study.step_ms / 2;
      layout[column ? "xaxis2" : "xaxis"] = {
        domain, anchor: `y${lowest - 1 + column}`, matches: column ? "x" : undefined,
        range: [times[0] - margin, times.at(-1) + margin], zeroline: false, showgrid: false, ticks: "outside", ticklen: 3,
        ...(times.length < 6 ? { tickvals: times } : {}),
        title: { text: "Time from the alignment step (ms)", standoff: 6 },
      };
      layout.shapes.push({
        type: "line", xref: name, x0: 0, x1: 0, yref: "paper", y0: 0, y1: 1 - gap / total,
        line: { color: study.colours.text, width: 0.8, dash: "dot" },
      });
      const side = column ? "b" : "a";
      annotations.push({
        text: `<b>${side.toUpperCase()}</b>   <b>${coloured(state[side])}</b>   ${number(frames(state[side]))} frames`,
        x: domain[0], xref: "paper", xanchor: "left", y: 1, yref: "paper", yanchor: "bottom",
        showarrow: false, font: { ...FONT, size: 14 }, bgcolor: TINTS[side], borderpad: 3, yshift: 4, xshift: 3,
      });
    });
    layout.annotations = annotations;
    const hidden = layer.size - layer.features.length;
    element("maps-note").textContent =
      `${layerLabel()} of ${state.model}, ` +
      (hidden ? `the ${layer.features.length} of ${layer.size} features that matter most ` : `all ${layer.size} ${input ? "mel bands" : isOutput() ? "output units" : "features"} `) +
      `(${percent(layer.shares.features)} of the squared SNAPs), every ${study.step_ms} ms of the ` +
      `${study.window_steps * study.step_ms} ms before and after the alignment step (${percent(layer.shares.steps)}).` +
      (input ? "" : " There is no NAvAI of this layer: it exists for the input alone.");
    element("maps").setAttribute("aria-label", `${titles.join(", ")} of ${shown(state.a)} and ${shown(state.b)}`);
    return Plotly.react("maps", traces, layout, SETTINGS);
  }

  // ---- tree -----------------------------------------------------------------------------------

  function drawTree(layer) {
    const { leaves, place, height, cuts } = layer.tree;
    const cut = cuts.find((one) => String(one.percentile) === state.percentile) || cuts[0];
    const end = 1.03 * (Math.max(...height.map((merge) => merge[1])) || 1);
    const branches = new Map();
    place.forEach(([first, second], k) => {
      const [left, upper, right] = height[k];
      const colour = cut.colours[cut.merged[k]];
      if (!branches.has(colour)) branches.set(colour, { x: [], y: [] });
      branches.get(colour).x.push(left, upper, upper, right, null);
      branches.get(colour).y.push(first, first, second, second, null);
    });
    const lines = [...branches].map(([color, { x, y }]) => ({
      type: "scatter", mode: "lines", x, y, line: { color, width: 1.6 }, hoverinfo: "skip",
    }));
    const marked = (group) => ["a", "b"].filter((side) => state[side] === group).map((side) => side.toUpperCase());
    const leafTrace = {
      type: "scatter", mode: "markers+text", name: "groups", x: leaves.map(() => 0), y: leaves.map((_, k) => k),
      customdata: leaves, cliponaxis: false,
      marker: { size: 7, symbol: "square", color: leaves.map((_, k) => cut.colours[cut.cluster[k]]) },
      text: leaves.map((group) => (marked(group).length ? `<b>${escaped(shown(group))}</b>  <b>${marked(group).join(" ")}</b>` : escaped(shown(group)))),
      textposition: "middle right", textfont: { size: 12, color: leaves.map(colourOf) },
      hovertemplate: leaves.map((group, k) =>
        `${escaped(shown(group))}${manner(group) ? `, ${manner(group)}` : ""}<br>${number(frames(group))} frames, cluster ${cut.cluster[k]}<extra></extra>`),
    };
    const bands = ["b", "a"].filter((side) => leaves.includes(state[side])).map((side) => ({
      type: "rect", layer: "below", xref: "paper", x0: 0, x1: 1, line: { width: 0 }, fillcolor: TINTS[side],
      y0: leaves.indexOf(state[side]) - 0.5, y1: leaves.indexOf(state[side]) + 0.5,
    }));
    const layout = {
      font: FONT, height: 50 + leaves.length * Math.max(13.5, Math.min(22, 640 / leaves.length)), margin: { l: 6, r: 4, t: 6, b: 40 }, showlegend: false,
      hovermode: "y", hoverdistance: 30, dragmode: false, hoverlabel: { font: FONT, bgcolor: "white" },
      paper_bgcolor: "white", plot_bgcolor: "white",
      xaxis: {
        range: [end, -0.17 * end], zeroline: false, showgrid: false, ticks: "outside", ticklen: 3, fixedrange: true,
        nticks: 6, title: { text: "Distance (activation units)", standoff: 6 }, rangemode: "normal",
        tickmode: "auto",
      },
      yaxis: { range: [leaves.length - 0.5, -0.5], visible: false, fixedrange: true },
      shapes: [...bands, {
        type: "line", x0: cut.height, x1: cut.height, y0: -0.5, y1: leaves.length - 0.5,
        line: { color: QUIET, width: 1, dash: "dash" },
      }],
    };
    const clusters = Math.max(...cut.cluster);
    const absent = ["a", "b"].filter((side) => !layer.has(state[side])).map((side) => shown(state[side]));
    element("tree-note").textContent =
      `Euclidean distance of SNAPs, complete linkage. ${clusters} clusters at the dashed line, ` +
      (cut.silhouette === null ? "Silhouette undefined." : `Silhouette ${cut.silhouette.toFixed(2)}.`) +
      (absent.length ? ` Not clustered: ${absent.join(", ")}.` : "");
    const occurring = new Set(leaves.map(manner));
    element("manners").replaceChildren(...Object.entries(study.colours.manner)
      .filter(([name]) => occurring.has(name))
      .map(([name, colour]) => {
        const node = document.createElement("span");
        node.textContent = name;
        node.style.color = colour;
        return node;
      }));
    element("tree").setAttribute("aria-label", `Dendrogram of ${leaves.length} groups in ${clusters} clusters`);
    return Plotly.react("tree", [...lines, leafTrace], layout, { ...SETTINGS, displayModeBar: false });
  }

  // ---- nearest groups -------------------------------------------------------------------------

  function drawNearest(layer) {
    const clustered = layer.has(state.a);
    const ranked = !clustered ? [] : layer.clustered
      .filter((group) => group !== state.a)
      .map((group) => [group, layer.distance(state.a, group)])
      .sort((one, other) => one[1] - other[1]);
    const rank = ranked.findIndex(([group]) => group === state.b);
    const best = ranked.slice(0, NEAREST);
    let words = `Distance of their SNAPs from that of A, ${shown(state.a)}. A click makes a group B.`;
    if (!clustered) words = `${shown(state.a)} takes no part in the clustering: it has no distances.`;
    else if (rank >= 0) {
      words += ` B, ${shown(state.b)}, is at ${significant(ranked[rank][1])}: number ${rank + 1} of ${ranked.length}.`;
    }
    element("nearest-note").textContent = words;
    element("nearest").hidden = !clustered;
    element("nearest").setAttribute("aria-label", best.map(([group, d]) => `${shown(group)} ${significant(d)}`).join(", "));
    return Plotly.react("nearest", [{
      type: "bar", orientation: "h", x: best.map(([, d]) => d), y: best.map((_, k) => k), customdata: best.map(([group]) => group),
      marker: { color: best.map(([group]) => (group === state.b ? "#d9a441" : "#9db7c9")) },
      text: best.map(([, d]) => significant(d)), textposition: "outside", cliponaxis: false,
      hovertemplate: best.map(([group]) => `${escaped(shown(group))}, ${number(frames(group))} frames<extra></extra>`),
    }], {
      font: FONT, height: 52 + 19 * best.length, margin: { l: 52, r: 46, t: 4, b: 40 }, bargap: 0.25, dragmode: false,
      paper_bgcolor: "white", plot_bgcolor: "white", hoverlabel: { font: FONT, bgcolor: "white" }, hovermode: "y",
      xaxis: { rangemode: "tozero", fixedrange: true, nticks: 6, gridcolor: "#ececec", title: { text: "Distance (activation units)", standoff: 6 } },
      yaxis: {
        range: [best.length - 0.5, -0.5], fixedrange: true, tickvals: best.map((_, k) => k), showgrid: false, zeroline: false,
        ticktext: best.map(([group]) => coloured(group)),
      },
    }, { ...SETTINGS, displayModeBar: false });
  }

  // ---- Silhouette -----------------------------------------------------------------------------

  function drawSilhouette() {
    const { scores } = theGrouping();
    const list = theModel().layers;
    const symbols = ["circle", "square", "triangle-up", "diamond", "triangle-down", "cross"];
    const x = list.map((_, k) => k);
    const traces = Object.entries(scores).map(([name, y], k) => {
      const mean = name === "mean";
      const place = study.percentiles.map(String).indexOf(name);
      const color = mean ? study.colours.text : study.colours.percentiles[place];
      return {
        type: "scatter", mode: "lines+markers", x, y, customdata: list.map((layer) => layer.name),
        name: mean ? "mean" : study.places[place], connectgaps: false,
        line: { color, width: mean ? 2.6 : 1.3 },
        marker: { color, size: mean ? 7 : 5.5, symbol: symbols[k % symbols.length] },
        opacity: mean || name === state.percentile ? 1 : 0.75,
        hovertemplate: "%{y:.3f}",
      };
    });
    const here = list.findIndex((layer) => layer.name === state.layer);
    element("silhouette").setAttribute("aria-label",
      `Mean Silhouette: ${list.map((layer, k) => `${layer.label} ${scores.mean[k] ?? "undefined"}`).join(", ")}`);
    return Plotly.react("silhouette", traces, {
      font: FONT, height: 290, margin: { l: 48, r: 10, t: 30, b: 40 }, hovermode: "x unified", dragmode: false,
      paper_bgcolor: "white", plot_bgcolor: "white", hoverlabel: { font: FONT, bgcolor: "white" },
      legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", font: { size: 10.5 }, entrywidth: 44, itemclick: false, itemdoubleclick: false },
      shapes: [{ type: "rect", layer: "below", x0: here - 0.4, x1: here + 0.4, yref: "paper", y0: 0, y1: 1, fillcolor: "#e4e4dd", line: { width: 0 } }],
      xaxis: {
        range: [-0.6, list.length - 0.4], tickvals: x, fixedrange: true, showgrid: false, zeroline: false,
        ticktext: list.map((layer, k) => (k ? String(Number(layer.name.slice(-2))) : "in")), title: { text: "Layer (in: input)", standoff: 6 },
      },
      yaxis: { title: { text: "Silhouette score", standoff: 4 }, fixedrange: true, rangemode: "tozero", gridcolor: "#ececec", zerolinecolor: "#999999" },
    }, { ...SETTINGS, displayModeBar: false });
  }

  // ---- recordings -----------------------------------------------------------------------------

  const addresses = new Map();

  function address(name) {
    if (!addresses.has(name)) {
      addresses.set(name, URL.createObjectURL(new Blob([bytesOf(`recording/${name}`)], { type: "audio/mpeg" })));
    }
    return addresses.get(name);
  }

  function place(className, from, length) {
    const node = document.createElement("div");
    node.className = className;
    node.style.left = `${100 * from}%`;
    if (length !== undefined) node.style.width = `${100 * length}%`;
    return node;
  }

  function outline(points) {
    const upper = points.map((p, k) => `${k},${50 - p / 2}`);
    const lower = points.map((p, k) => `${k},${50 + p / 2}`).reverse();
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("viewBox", `0 0 ${points.length - 1} 100`);
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("aria-hidden", "true");
    const shape = document.createElementNS("http://www.w3.org/2000/svg", "polygon");
    shape.setAttribute("points", [...upper, ...lower].join(" "));
    shape.setAttribute("fill", "#7a8a94");
    svg.append(shape);
    return svg;
  }

  function recording(side, [index, start, step]) {
    const { name, text, seconds, envelope, phones } = study.recordings.utterances[index];
    const block = document.createElement("div");
    block.className = "recording";
    const strip = document.createElement("div");
    strip.className = "strip";
    const annotated = document.createElement("div");
    let begin = 0;
    for (const [end, phone] of phones) {
      const node = place("phone", begin / seconds, (end - begin) / seconds);
      const label = document.createElement("span");
      label.textContent = phone;
      label.style.color = study.colours.manner[study.manner[phone]];
      node.append(label);
      annotated.append(node);
      begin = end;
    }
    const now = place("now", 0);
    now.hidden = true;
    strip.append(
      place(`frame ${side}`, start / seconds, study.frame_seconds / seconds), outline(envelope),
      annotated, place("step", step / seconds), now,
    );
    const audio = document.createElement("audio");
    audio.controls = true;
    audio.src = address(name);
    audio.setAttribute("aria-label", `${text} Group ${shown(state[side])} at ${step.toFixed(2)} s`);
    let stop = Infinity;
    const follow = () => {
      now.hidden = false;
      now.style.left = `${(100 * audio.currentTime) / seconds}%`;
      if (audio.currentTime >= stop) audio.pause();
      if (!audio.paused) requestAnimationFrame(follow);
    };
    audio.addEventListener("play", follow);
    audio.addEventListener("seeked", follow);
    audio.addEventListener("pause", () => { stop = Infinity; });
    const playFrom = (from, to) => {
      audio.currentTime = from;
      stop = to;
      audio.play();
    };
    strip.addEventListener("click", (event) => {
      const box = strip.getBoundingClientRect();
      playFrom((seconds * (event.clientX - box.left)) / box.width, Infinity);
    });
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Play 0.4 s around the line";
    button.addEventListener("click", () => playFrom(Math.max(0, step - 0.2), step + 0.2));
    const player = document.createElement("div");
    player.className = "player";
    player.append(audio, button);
    block.append(paragraph(`${name}: \u201c${text}\u201d`, "text"), strip, player);
    return block;
  }

  function showRecordings() {
    element("recordings-panel").hidden = !study.recordings;
    if (!study.recordings) return;
    const marks = study.recordings.marks[state.model][state.grouping];
    element("recordings").replaceChildren(...["a", "b"].map((side) => {
      const column = document.createElement("div");
      const title = document.createElement("p");
      title.innerHTML = `<span class="tag ${side}">${side.toUpperCase()}</span> <b>${coloured(state[side])}</b>`;
      column.append(title, ...(marks[state[side]] || []).map((mark) => recording(side, mark)));
      if (!(marks[state[side]] || []).length) column.append(paragraph("No recording in this page has a frame of this group.", "note"));
      return column;
    }));
  }

  // ---- the whole ------------------------------------------------------------------------------

  async function draw() {
    const mine = ++drawn;
    document.body.dataset.state = "drawing";
    showControls();
    const { frames: all, blanks } = theGrouping();
    element("summary").textContent =
      `${state.model}, ${layerLabel().toLowerCase()}, ${kindOfGroup()}: ${shown(state.a)} (${number(frames(state.a))} frames) and ` +
      `${shown(state.b)} (${number(frames(state.b))} frames) of ${number(all)} frames, ` +
      `${number(blanks)} of which predict the blank.`;
    const layer = await unpackLayer(layerId());
    if (mine !== drawn) return;
    await drawMaps(layer);
    if (!document.body.dataset.firstPicture) {
      // The maps first: let the browser paint them before the rest is drawn.
      await new Promise((painted) => requestAnimationFrame(() => setTimeout(painted)));
      document.body.dataset.firstPicture = Math.round(performance.now());
    }
    if (mine !== drawn) return;
    await Promise.all([drawTree(layer), drawNearest(layer), drawSilhouette()]);
    showRecordings();
    if (mine === drawn) document.body.dataset.state = "ready";
  }

  function connect() {
    for (const name of CONTROLS) {
      element(name).addEventListener("change", (event) => choose({ [name]: event.target.value }));
    }
    element("controls").addEventListener("submit", (event) => event.preventDefault());
    element("swap").addEventListener("click", () => choose({ a: state.b, b: state.a }));
    const target = () => document.querySelector('input[name="target"]:checked').value;
    const picked = (event) => event.points.map((point) => point.customdata).find((name) => name !== undefined);
    element("tree").on("plotly_click", (event) => {
      const group = picked(event);
      if (group !== undefined) choose({ [target()]: group });
    });
    element("nearest").on("plotly_click", (event) => choose({ b: picked(event) }));
    element("silhouette").on("plotly_click", (event) => choose({ layer: picked(event) }));
    window.addEventListener("hashchange", () => { settle(readHash()); draw(); });
  }

  function introduce() {
    const one = study.models[0].groupings[study.first_grouping];
    element("about").textContent =
      `Corpus: ${study.corpus}. ${study.remark ? "It is not the paper\u2019s: nothing here says anything about the paper\u2019s numbers. " : ""}` +
      `Seed ${study.seed}. ${number(one.frames)} frames of ${study.frame_seconds.toFixed(2)} s.`;
    const limits = [
      `Maps show ${study.window_steps * study.step_ms} ms before and after the alignment step, one step in ${study.step_ms} ms; frames reach ${Math.round(500 * study.frame_seconds)} ms.`,
      `Of a hidden layer at most ${study.features} features are shown (${Math.max(study.readable, study.features)} where it has few steps), those with the largest share in the squared SNAPs of all groups, each group counting alike. Distances, tree and Silhouette are those of all features and steps.`,
      `Activation profiles, NAvAI and masks are rounded to 1/${study.levels} of the largest value of the map; SNAPs are products of these. For exact values read profiles/ of the study.`,
      `Of the trainings only those with seed ${study.seed} are here.`,
    ];
    if (study.left_out.length) limits.push(`To keep the page small, models were left out: ${study.left_out.join(", ")}.`);
    limits.push(study.recordings
      ? `${study.recordings.utterances.length} recordings are in the page, chosen so that as many groups as possible are heard.`
      : "Recordings are in the page of the embedded corpus alone.");
    for (const model of study.models) {
      const none = Object.entries(model.groupings).filter(([, { absent }]) => absent.length)
        .map(([name, { absent }]) => `${name} ${absent.map(shown).join(" ")}`);
      if (none.length) limits.push(`${model.name}, groups without frames: ${none.join("; ")}.`);
    }
    element("limits").replaceChildren(...limits.map((text) => {
      const node = document.createElement("li");
      node.textContent = text;
      return node;
    }));
    element("citation").replaceChildren(
      paragraph("The method and the experiments:"), paragraph(study.citation[0]),
      paragraph("This software:"), paragraph(study.citation[1]),
      paragraph(`Drawn with plotly.js ${study.plotly} (Plotly, Inc.; MIT licence).`),
    );
  }

  async function loadPlotly() {
    const script = document.createElement("script");
    script.textContent = new TextDecoder().decode(await inflate(bytesOf("plotly")));
    document.head.append(script);
  }

  async function begin() {
    introduce();
    settle(readHash());
    await loadPlotly();
    await draw();
    connect();
  }

  begin().catch((error) => {
    element("problem").hidden = false;
    element("problem").textContent = typeof DecompressionStream === "undefined"
      ? "This page needs a browser of 2023 or newer."
      : `The page could not be drawn: ${error.message}`;
    throw error;
  });
})();
