/** Injection attempts as they look in a label position. Labels may name attacks, so a match is only counted. */
const attackPattern =
  /<script|javascript:|\.\.[/\\]|\$\{jndi:|union\s{1,4}select|;\s{0,4}(?:drop|delete|insert|rm|curl|wget)\s|<!(?:entity|doctype|--#)|\{\s{0,4}"?\$(?:where|ne|gt)"?/i;

export function looksLikeAttack(text: string): boolean {
  return attackPattern.test(text);
}
