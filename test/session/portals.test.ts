/** A session's portals are what a Map of them would be, the unnamed one first. */
import { expect } from 'chai';
import { Portals } from '../../lib/session/portals.js';
import { Portal } from '../../lib/session/portal.js';

/** Portals that only stand for themselves. */
const portal = (): Portal => Object.create(Portal.prototype) as Portal;

describe('portals', () => {
  it('are found, listed, replaced and deleted by name', () => {
    const portals = new Portals();
    const map = new Map<string, Portal>();
    const check = (): void => {
      expect(portals.size).to.equal(map.size);
      const expected = [...map].sort(([one], [other]) => Number(other === '') - Number(one === ''));
      expect([...portals]).to.deep.equal(expected);
      expect([...portals.keys()]).to.deep.equal(expected.map(([name]) => name));
      expect([...portals.values()].every((found, at) => found === expected[at][1])).to.equal(true);
      for (const name of ['', 'a', 'b']) {
        expect(portals.get(name)).to.equal(map.get(name));
        expect(portals.has(name)).to.equal(map.has(name));
      }
    };
    check();
    for (const name of ['a', '', 'b', '', 'a']) {
      const made = portal();
      portals.set(name, made);
      map.set(name, made);
      check();
    }
    for (const name of ['', '', 'b']) {
      portals.delete(name);
      map.delete(name);
      check();
    }
    portals.set('', portal());
    portals.clear();
    map.clear();
    check();
  });

  it('may be deleted while they are gone through', () => {
    const portals = new Portals();
    for (const name of ['a', '', 'b', 'c']) portals.set(name, portal());
    const seen: string[] = [];
    for (const [name] of portals) {
      seen.push(name);
      if (name !== 'b') portals.delete(name);
    }
    expect(seen).to.deep.equal(['', 'a', 'b', 'c']);
    expect([...portals.keys()]).to.deep.equal(['b']);
  });
});
