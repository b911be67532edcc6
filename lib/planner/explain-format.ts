/**
 * The four output formats of EXPLAIN.
 */

/** A property of a node. */
export interface ExplainItem {
  readonly name: string;
  readonly value: string | boolean | readonly string[];
  readonly unit?: string;
  /** Structured formats show it as a number. */
  readonly number?: boolean;
  /** Text format: extra levels of indentation. */
  readonly indent?: number;
  /** Text format: a line without a name. */
  readonly bare?: boolean;
  /** A group of items instead of a value. */
  readonly fields?: readonly ExplainItem[];
}

/** A plan node ready to print. */
export interface ExplainedNode {
  readonly type: string;
  /** The text format's line, with figures. */
  readonly label: string;
  readonly attributes: readonly ExplainItem[];
  readonly relationship: string | null;
  readonly subplanName: string | null;
  readonly estimates: readonly ExplainItem[];
  readonly items: readonly ExplainItem[];
  readonly children: readonly ExplainedNode[];
}

function itemText(item: ExplainItem): string {
  const value = typeof item.value === 'boolean' ? String(item.value) : typeof item.value === 'string' ? item.value : item.value.join(', ');
  return item.bare ? value : `${item.name}: ${value}${item.unit ? ` ${item.unit}` : ''}`;
}

/** PostgreSQL's text format, a line each. */
export function renderText(root: ExplainedNode, extra: readonly ExplainItem[]): string[] {
  const lines: string[] = [];
  const spaces = (level: number): string => ' '.repeat(level * 2);
  const visit = (node: ExplainedNode, levelIn: number): void => {
    let level = levelIn;
    if (node.subplanName !== null) {
      lines.push(spaces(level) + node.subplanName);
      level++;
    }
    if (level > 0) {
      lines.push(`${spaces(level)}->  ${node.label}`);
      level += 2;
    } else lines.push(node.label);
    level++;
    for (const item of node.items) lines.push(spaces(level + (item.indent ?? 0)) + itemText(item));
    for (const child of node.children) visit(child, level);
  };
  visit(root, 0);
  for (const item of extra) {
    if (item.fields === undefined) lines.push(itemText(item));
    else lines.push(`${item.name}:`, ...item.fields.map((field) => spaces(1) + itemText(field)));
  }
  return lines;
}

type Structured = string | number | boolean | { readonly raw: string } | readonly Structured[] | readonly (readonly [string, Structured])[];

function isObject(value: Structured): value is readonly (readonly [string, Structured])[] {
  return Array.isArray(value) && value.length > 0 && Array.isArray(value[0]) && value[0].length === 2 && typeof value[0][0] === 'string';
}

function isList(value: Structured): value is readonly Structured[] {
  return Array.isArray(value);
}

function itemValue(item: ExplainItem): Structured {
  if (item.fields !== undefined) return item.fields.map((field): [string, Structured] => [field.name, itemValue(field)]);
  if (typeof item.value === 'boolean') return item.value;
  if (typeof item.value !== 'string') return [...item.value];
  return item.number || item.unit ? { raw: item.value } : item.value;
}

function nodeObject(node: ExplainedNode): readonly (readonly [string, Structured])[] {
  const fields: [string, Structured][] = [['Node Type', node.type]];
  for (const item of node.attributes) if (item.name === 'Strategy' || item.name === 'Partial Mode' || item.name === 'Operation' || item.name === 'Command') fields.push([item.name, itemValue(item)]);
  if (node.relationship !== null) fields.push(['Parent Relationship', node.relationship]);
  if (node.subplanName !== null) fields.push(['Subplan Name', node.subplanName]);
  fields.push(['Parallel Aware', false], ['Async Capable', false]);
  for (const item of node.attributes) if (!['Strategy', 'Partial Mode', 'Operation', 'Command'].includes(item.name)) fields.push([item.name, itemValue(item)]);
  for (const item of node.estimates) fields.push([item.name, itemValue(item)]);
  if (!node.items.some((item) => item.name === 'Disabled')) fields.push(['Disabled', false]);
  for (const item of node.items) if (!item.bare) fields.push([item.name, itemValue(item)]);
  if (node.children.length > 0) fields.push(['Plans', node.children.map(nodeObject)]);
  return fields;
}

/** JSON, XML or YAML as PostgreSQL lays them out. */
export function renderStructured(root: ExplainedNode, extra: readonly ExplainItem[], format: 'json' | 'xml' | 'yaml'): string {
  const query: [string, Structured][] = [['Plan', nodeObject(root)]];
  for (const item of extra) {
    if (item.name === 'Settings' && Array.isArray(item.value)) {
      query.push(['Settings', item.value.map((text): [string, Structured] => {
        const at = text.indexOf(' = ');
        return [text.slice(0, at), text.slice(at + 4, -1)];
      })]);
    } else query.push([item.name, itemValue(item)]);
  }
  if (format === 'json') return `[\n  ${json(query, 1)}\n]`;
  if (format === 'yaml') return `- ${yaml(query, 1).trimStart()}`;
  return `<explain xmlns="http://www.postgresql.org/2009/explain">\n  <Query>\n${xml(query, 2)}  </Query>\n</explain>`;
}

function json(value: Structured, level: number): string {
  const pad = '  '.repeat(level + 1);
  if (isObject(value)) return `{\n${value.map(([name, inner]) => `${pad}${JSON.stringify(name)}: ${json(inner, level + 1)}`).join(',\n')}\n${'  '.repeat(level)}}`;
  if (isList(value)) {
    if (value.length === 0) return `[\n${'  '.repeat(level)}]`;
    if (value.every((item) => typeof item === 'string')) return `[${value.map((item) => JSON.stringify(item)).join(', ')}]`;
    return `[\n${value.map((item) => `${pad}${json(item, level + 1)}`).join(',\n')}\n${'  '.repeat(level)}]`;
  }
  if (typeof value === 'object') return value.raw;
  return JSON.stringify(value);
}

function yaml(value: Structured, level: number): string {
  const pad = '  '.repeat(level);
  if (isObject(value)) {
    return value.map(([name, inner]) => {
      if (isObject(inner)) return `${pad}${name}: \n${yaml(inner, level + 1)}`;
      if (isList(inner) && inner.length === 0) return `${pad}${name}: `;
      if (isList(inner)) return `${pad}${name}: \n${inner.map((item) => (isObject(item) ? `${pad}  - ${yaml(item, level + 2).trimStart()}` : `${pad}  - ${JSON.stringify(item)}`)).join('\n')}`;
      return `${pad}${name}: ${scalar(inner)}`;
    }).join('\n');
  }
  return `${pad}${scalar(value)}`;
}

function scalar(value: Structured): string {
  if (typeof value === 'object' && !isList(value) && 'raw' in value) return value.raw;
  return JSON.stringify(value);
}

function xml(fields: readonly (readonly [string, Structured])[], level: number): string {
  const pad = '  '.repeat(level);
  const escape = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  return fields.map(([name, value]) => {
    const tag = name.replaceAll(' ', '-');
    if (isObject(value)) return `${pad}<${tag}>\n${xml(value, level + 1)}${pad}</${tag}>\n`;
    if (isList(value)) {
      const inner = value.map((item) => (isObject(item) ? `${pad}  <Plan>\n${xml(item, level + 2)}${pad}  </Plan>\n` : `${pad}  <Item>${escape(String(item))}</Item>\n`)).join('');
      return `${pad}<${tag}>\n${inner}${pad}</${tag}>\n`;
    }
    const text = typeof value === 'object' ? value.raw : String(value);
    return `${pad}<${tag}>${escape(text)}</${tag}>\n`;
  }).join('');
}
