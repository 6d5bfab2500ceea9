import { analyzed } from '../../../src/planning/content-analysis';

const text = (content: string) => analyzed({ content, content_type: 'text' });

describe('content analysis', () => {
  it.each([
    ['en', 'Latin', 'The quick brown fox jumps over the lazy dog, and nobody minds that it does.'],
    ['de', 'Latin', 'Der schnelle braune Fuchs springt über den faulen Hund, und niemand stört sich daran.'],
    ['ru', 'Cyrillic', 'Съешь же ещё этих мягких французских булок да выпей чаю, пожалуйста.'],
    ['el', 'Greek', 'Η γρήγορη καφέ αλεπού πηδάει πάνω από το τεμπέλικο σκυλί.'],
    ['ar', 'Arabic', 'الثعلب البني السريع يقفز فوق الكلب الكسول ولا أحد يمانع.'],
    ['ja', 'Hiragana', 'いろはにほへとちりぬるをわかよたれそつねならむ'],
  ])('tells %s in %s script', (language, script, content) => {
    expect(text(content)).toMatchObject({ language, script, mime: 'text/plain' });
  });

  it('says nothing where nothing can be said', () => {
    expect(text('12345 67890')).toMatchObject({ language: null, script: null, length: 11 });
  });

  it('tells code from prose, and how much of it there is', () => {
    const code = 'function add(a, b) {\n  return a + b;\n}\nconst three = add(1, 2);';
    const prose = 'Dear all,\nplease find below what we talked about\nKind regards\nAda';
    expect(text(code).code_share).toBe(1);
    expect(text(prose).code_share).toBe(0);
    expect(text(`${code}\n${prose}`).code_share).toBe(0.5);
    expect(text('').code_share).toBe(0);
  });

  it.each([
    ['image', 'iVBORw0KGgoAAAANSUhEUg==', 'image/png'],
    ['image', 'data:image/webp;base64,UklGRg==', 'image/webp'],
    ['image', '????', 'application/octet-stream'],
    ['document', 'JVBERi0xLjcK', 'application/pdf'],
    ['document', 'Minutes of the meeting', 'text/plain'],
    ['code', 'JVBERi0 = 1', 'text/plain'],
  ] as const)('knows the kind of %s %s', (content_type, content, mime) => {
    expect(analyzed({ content, content_type }).mime).toBe(mime);
  });

  it('quotes nothing of the content', () => {
    expect(JSON.stringify(text('the marker zebrafish is in this text'))).not.toMatch(/marker|zebrafish/);
  });

  it('counts code points', () => {
    expect(text('🙂🙂').length).toBe(2);
  });
});
