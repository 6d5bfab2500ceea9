import { piecesOf, toolPiece } from '../../../../src/api/facades/message-pieces';

const text = (content: string) => ({ content, type: 'text' });
const image = (content: string) => ({ content, type: 'image' });
const data = 'data:image/png;base64,AAAA';

describe('Pieces of a call to a model', () => {
  it.each([
    [
      'chat',
      {
        model: 'm',
        messages: [
          { role: 'system', content: 'a' },
          { role: 'user', content: [{ type: 'text', text: 'b' }] },
        ],
      },
      [text('a'), text('b')],
    ],
    ['a completion', { prompt: ['a', 'b'], id: 'x' }, [text('a'), text('b')]],
    [
      'an answer',
      { choices: [{ message: { role: 'assistant', content: 'a', refusal: null }, finish_reason: 'stop' }] },
      [text('a')],
    ],
    [
      'Anthropic’s messages',
      {
        system: 's',
        messages: [
          {
            role: 'user',
            content: [{ type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AAAA' } }],
          },
        ],
      },
      [text('s'), image('AAAA')],
    ],
    [
      'images of OpenAI',
      {
        input: [
          { type: 'image_url', image_url: { url: data } },
          { type: 'input_image', image_url: data },
        ],
      },
      [image(data)],
    ],
    ['an image as a plain string', { images: [data] }, [image(data)]],
    [
      'tools, whole',
      { tools: [{ type: 'function', function: { name: 'f', description: 'to look up' } }] },
      [text('f\nto look up')],
    ],
    ['what nobody foresaw', { new_field: { deep: ['a'] } }, [text('a')]],
    ['the same said twice, once', { messages: [{ content: 'a' }, { content: 'a' }] }, [text('a')]],
  ])('of %s', (_name, json, expected) => {
    expect(piecesOf(json, 'stand-in')).toEqual(expected);
  });

  it('are the text where the body has none', () => {
    expect(piecesOf({ model: 'm' }, 'stand-in')).toEqual([text('stand-in')]);
    expect(piecesOf(undefined, null)).toEqual([]);
  });

  it.each(['input_audio', 'file', 'video_url', 'document'])('leave out no part of type %s', (type) => {
    expect(() =>
      piecesOf({ messages: [{ content: [{ type, [type]: { data: 'x' } }] }] }, 'stand-in'),
    ).toThrow(type);
  });
});

describe('The piece of a call of a tool', () => {
  it.each([
    ['{"to": "a@b.example", "deep": {"x": ["y"]}}', 'send\nto\na@b.example\ndeep\ny'],
    ['no JSON', 'send\nno JSON'],
    ['"text"', 'send\n"text"'],
  ])('holds what its arguments %s say', (args, content) => {
    const call = { id: 'call_1', type: 'function', function: { name: 'send', arguments: args } };
    expect(toolPiece(call)).toEqual(text(content));
  });
});
