import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface TokenRequest {
  readonly authorization: string | undefined;
  readonly body: string;
}

/** The token endpoint of an authorization server on loopback: tokens `token-1`, `token-2` and so on. */
export class TokenEndpoint {
  readonly requests: TokenRequest[] = [];
  /** Of the tokens to come, in seconds; null: not told. */
  expiresIn: number | null = 3600;
  /** Other than 200: refuses. */
  status = 200;
  #server: Server | null = null;

  async listen(): Promise<string> {
    this.#server = createServer((request, response) => {
      let body = '';
      request.setEncoding('utf8');
      request.on('data', (part: string) => (body += part));
      request.on('end', () => {
        this.requests.push({ authorization: request.headers.authorization, body });
        response.writeHead(this.status, { 'content-type': 'application/json' });
        response.end(JSON.stringify(this.status === 200 ? this.#token() : { error: 'invalid_client' }));
      });
    });
    await new Promise<void>((resolve) => this.#server!.listen(0, '127.0.0.1', () => resolve()));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/token`;
  }

  close(): void {
    this.#server?.closeAllConnections();
    this.#server?.close();
  }

  #token(): object {
    const token = { access_token: `token-${this.requests.length}`, token_type: 'Bearer' };
    return this.expiresIn === null ? token : { ...token, expires_in: this.expiresIn };
  }
}
