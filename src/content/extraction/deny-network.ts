import dgram from 'node:dgram';
import net from 'node:net';

/** No parser of documents has anything to ask of anybody. Node's permission model knows no network before version 25. */
export function denyNetwork(): void {
  const refuse = (): never => {
    throw new Error('no network here');
  };
  net.Socket.prototype.connect = refuse;
  net.Server.prototype.listen = refuse;
  dgram.Socket.prototype.send = refuse;
}
