import { connect, type Socket } from 'node:net';

export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly json: Readonly<Record<string, unknown>>;
  /** Whether the server ended the connection. */
  readonly closed: boolean;
}

/** Sends bytes as they are, and reads one answer, or until the connection ends. */
export async function exchange(
  port: number,
  bytes: string | Buffer,
  more?: (socket: Socket) => void,
): Promise<RawAnswer> {
  const socket = connect(port, '127.0.0.1');
  const chunks: Buffer[] = [];
  let closed = false;
  const done = new Promise<void>((resolve) => {
    socket.on('data', (chunk) => {
      chunks.push(chunk);
      if (isWhole(Buffer.concat(chunks))) resolve();
    });
    socket.on('error', () => undefined);
    socket.once('close', () => {
      closed = true;
      resolve();
    });
  });
  socket.write(bytes);
  more?.(socket);
  await done;
  // Room for a server that ends the connection after its answer.
  if (!closed && /\r\nconnection: close\r\n/i.test(String(Buffer.concat(chunks)))) {
    await new Promise((resolve) => socket.once('close', resolve));
    closed = true;
  }
  socket.destroy();
  return { ...parsed(Buffer.concat(chunks).toString('utf8')), closed };
}

function isWhole(bytes: Buffer): boolean {
  const text = bytes.toString('latin1');
  const end = text.indexOf('\r\n\r\n');
  if (end === -1) return false;
  const length = /\r\ncontent-length: (\d+)/i.exec(text.slice(0, end))?.[1];
  return length !== undefined && bytes.length >= end + 4 + Number(length);
}

function parsed(text: string): Omit<RawAnswer, 'closed'> {
  const [head = '', body = ''] = text.split('\r\n\r\n', 2);
  const [line = '', ...headers] = head.split('\r\n');
  return {
    status: Number(line.split(' ')[1] ?? 0),
    headers: Object.fromEntries(
      headers.map((header) => [
        header.slice(0, header.indexOf(':')).toLowerCase(),
        header.slice(header.indexOf(':') + 1).trim(),
      ]),
    ),
    json: body.startsWith('{') ? (JSON.parse(body) as Record<string, unknown>) : {},
  };
}
