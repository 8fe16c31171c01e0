"""Scripts that check the page in the browser. Each returns the problems it finds."""

# Elements that reach beyond the window; what lies in a container that scrolls may.
OUTSIDE = """
const width = document.documentElement.clientWidth;
return [...document.body.querySelectorAll('*')].filter(node => {
  const box = node.getBoundingClientRect();
  return box.width && (box.right > width + 0.5 || box.left < -0.5) && !node.closest('.scroll > *');
}).map(node => node.outerHTML.slice(0, 200));
"""

# Headings, tables and lists less than 8 pixels below what they follow, but in articles and figures.
CROWDED = """
const blocks = 'main :is(h2, h3, ul, dl, .scroll):not(article *, figure *)';
return [...document.querySelectorAll(blocks)].filter(node => {
  const above = node.previousElementSibling?.getBoundingClientRect();
  const box = node.getBoundingClientRect();
  return above?.height && box.height && box.top - above.bottom < 8;
}).map(node => node.outerHTML.slice(0, 200));
"""

# Text of the shown charts that leaves its drawing, or runs into its neighbor on the same axis.
CLIPPED_TEXT = """
const shown = [...document.querySelectorAll('.chart svg')].filter(
  drawing => drawing.getBoundingClientRect().width);
const wrong = [];
for (const drawing of shown) {
  const frame = drawing.getBoundingClientRect();
  for (const text of drawing.querySelectorAll('text')) {
    const box = text.getBoundingClientRect();
    if (box.left < frame.left - 1 || box.right > frame.right + 1 ||
        box.top < frame.top - 1 || box.bottom > frame.bottom + 1)
      wrong.push('outside: ' + text.textContent);
  }
  const boxes = [...drawing.querySelectorAll('text')].map(text => text.getBoundingClientRect());
  const across = (a, b) => a.left < b.right - 1 && b.left < a.right - 1;
  const upright = (a, b) => a.top < b.bottom - 2 && b.top < a.bottom - 2;
  boxes.forEach((a, i) => boxes.slice(i + 1).forEach(b => {
    if (across(a, b) && upright(a, b))
      wrong.push('overlap in ' + drawing.querySelector('title').textContent);
  }));
}
return wrong;
"""

# The size of the smallest text, in pixels of the screen; text of a drawing is scaled with it.
SMALLEST_TEXT = """
const scale = node => {
  const drawing = node.closest('svg');
  return drawing ? drawing.getBoundingClientRect().width / drawing.viewBox.baseVal.width : 1;
};
const texts = [...document.body.querySelectorAll('*')].filter(node =>
  node.getBoundingClientRect().width && [...node.childNodes].some(
    child => child.nodeType === 3 && child.textContent.trim()));
return Math.min(...texts.map(node => parseFloat(getComputedStyle(node).fontSize) * scale(node)));
"""

# Text with less than 4.5:1 contrast to its background (WCAG 2.1, 1.4.3).
CONTRAST = """
const parse = color => color.match(/[0-9.]+/g).map(Number);
const linear = part => (part /= 255) <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
const light = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
const ground = node => {
  for (let at = node; at; at = at.parentElement) {
    const color = parse(getComputedStyle(at).backgroundColor);
    if (color.length === 3 || color[3] === 1) return color;
  }
  return parse(getComputedStyle(document.documentElement).backgroundColor);
};
return [...document.body.querySelectorAll('*')].filter(node =>
  node.getBoundingClientRect().width && [...node.childNodes].some(
    child => child.nodeType === 3 && child.textContent.trim())
).map(node => {
  const style = getComputedStyle(node);
  const ink = light(parse(node.closest('svg') ? style.fill : style.color));
  const paper = light(ground(node));
  const ratio = (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
  return [ratio, node.textContent.trim().slice(0, 60)];
}).filter(([ratio]) => ratio < 4.5);
"""

# One h1, no level skipped, one main, every drawing and region named, every link with an end.
LANDMARKS = """
const all = selector => [...document.querySelectorAll(selector)];
const wrong = [];
for (const selector of ['h1', 'main', 'body > header', 'body > footer'])
  if (all(selector).length !== 1) wrong.push(`${all(selector).length} of ${selector}`);
let level = 0;
for (const heading of all('h1, h2, h3, h4')) {
  const next = Number(heading.tagName[1]);
  if (next > level + 1) wrong.push(`${heading.tagName} after h${level}: ${heading.textContent}`);
  level = next;
}
for (const drawing of all('svg[role=img]'))
  for (const id of drawing.getAttribute('aria-labelledby').split(' '))
    if (!document.getElementById(id)?.textContent) wrong.push(`no words for ${id}`);
for (const drawing of all('svg:not([role=img])'))
  if (drawing.getAttribute('aria-hidden') !== 'true') wrong.push('a drawing without words');
for (const region of all('[role=region], nav'))
  if (!region.getAttribute('aria-label')) wrong.push('a region without a name');
for (const link of all('a'))
  if (!document.querySelector(link.getAttribute('href'))) wrong.push(link.outerHTML);
const ids = all('[id]').map(node => node.id);
if (new Set(ids).size !== ids.length) wrong.push('an id twice');
return wrong;
"""
