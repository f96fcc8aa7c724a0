import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Hit, HitBlock } from '../../shared/facts.ts'
import { packHits, unpackBlock } from '../../shared/track/pack.ts'

const block: Omit<HitBlock, 'hits'> = { type: 'hits', ws: 'ws_1', host: 'h.example', cv: 1 }
const text = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom(`it's`, '"', '\\', "\\'", '\\u0027', '\u0000'))
const hits = fc.array(
  fc.record(
    {
      t: fc.nat(),
      s: text,
      k: fc.constantFrom('plain', 'ask', 'relay', 'post'),
      v: text,
      b: fc.constantFrom('method', 'crawler'),
      o: fc.constant(1),
      w: fc.nat(),
      g: fc.nat(),
      sg: fc.record({ lang: text }, { requiredKeys: [] }),
      ua: text,
      r: text,
      co: text,
      la: text,
    },
    { requiredKeys: ['t', 's', 'k', 'v'], noNullPrototype: true },
  ) as fc.Arbitrary<Hit>,
  { maxLength: 64 },
)

test('unpacked as it was packed, whatever a user agent says, and without a double quote', () => {
  fc.assert(
    fc.property(hits, (list) => {
      const packed = packHits(list)
      expect(packed).not.toContain('"')
      expect(unpackBlock({ ...block, hits: packed })).toEqual({ ...block, hits: list })
    }),
  )
})

test('a list stays a list', () => {
  const list: Hit[] = [{ t: 1, s: 'a', k: 'plain', v: 'v' }]
  expect(unpackBlock({ ...block, hits: list })).toEqual({ ...block, hits: list })
})

/** Frozen: what lies in tables today must be read for ever. */
test('a block stored by the first version', () => {
  const packed =
    "{'t':1,'said':['Firefox','relay',2,3,{'lang':'fr'},'t.co','fr','FR',1,'ask','method'],'rows':[[0,'a','v1',0,1,2,3,4,5,6,7,null,8],[1,'b','v2',null,9,null,null,null,null,null,null,10]]}"
  expect(unpackBlock({ ...block, hits: packed }).hits).toEqual([
    {
      t: 1,
      s: 'a',
      k: 'relay',
      v: 'v1',
      o: 1,
      w: 2,
      g: 3,
      sg: { lang: 'fr' },
      r: 't.co',
      co: 'FR',
      la: 'fr',
      ua: 'Firefox',
    },
    { t: 2, s: 'b', k: 'ask', v: 'v2', b: 'method' },
  ])
})

test.each([{ type: 'link', hits: [] }, { type: 'hits' }, { type: 'hits', hits: '' }, { type: 'hits', hits: '{}' }])(
  'not a block: %j',
  (item) => expect(() => unpackBlock(item)).toThrow(),
)
