const PREFIX_LENGTH = 200;

/** A command that would run what its arguments substitute, however the words around it read. */
const startsWithCommand = /^\s*(?:echo|printf|sudo|eval|exec|ba?sh|sh|cmd|powershell|source|\.|:)\s/i;
/** What separates one shell command from the next, or ends a sentence: the warning does not reach beyond it. */
const reach = String.raw`(?:(?![.!?]\s)[^;&|$<>={}()"'\x60\n]){0,80}[("'\x60]{0,2}$`;
const warnsBefore = [
  String.raw`\b(?:never|do\s+not|don['’]t|must\s+not|mustn['’]t|should\s+not|shouldn['’]t|cannot|can['’]t)\s+(?!forget|hesitate|stop|worry|fail|wait|refuse|warn|miss)`,
  String.raw`\b(?:avoid|beware|refus(?:e|es|ed|ing)\s+to|prevent(?:s|ed|ing)?|block(?:s|ed|ing)?|forbid(?:s|den)?|reject(?:s|ed|ing)?|instead\s+of|rather\s+than|stop\s+using|warns?\s+(?:about|against)|guards?\s+against|flags?|detect(?:s|ed|ing)?)\b`,
  String.raw`\b(?:remove[ds]?|drop(?:s|ped)?|replace[ds]?|revert(?:s|ed)?|eliminate[ds]?)\s+(?:the\s+|a\s+|an\s+|our\s+|all\s+|stray\s+|dangerous\s+|unsafe\s+|insecure\s+){0,2}[("'\x60]{0,2}$`,
].map((start) => new RegExp(start.endsWith('$') ? start : start + reach, 'i'));
/** The quoted command is the subject of a sentence: "`rm -rf /` deletes everything". */
const goesOnAsProse =
  /^["'`]{1,2},?\s+(?:is|are|would|will|can|could|was|were|has|means?|deletes?|removes?|runs?|wipes?|destroys?|disables?|exposes?|lets?|allows?|leaves?|makes?|gives?)\b/i;
const isQuoted = /["'`]\s*$/;

/**
 * Whether the text around a match advises against it or merely talks about it, as documentation and commit messages
 * do. It looks at the match's own line only and stops at anything a shell would take for a new command, so that a
 * warning put in front does not smuggle a command through.
 */
export function isWarnedAgainst(text: string, start: number, end: number): boolean {
  const lineStart = text.lastIndexOf('\n', start - 1) + 1;
  const before = text.slice(Math.max(lineStart, start - PREFIX_LENGTH), start);
  if (startsWithCommand.test(before)) return false;
  if (warnsBefore.some((warning) => warning.test(before))) return true;
  const after = text.slice(end, end + 40);
  return isQuoted.test(before) && goesOnAsProse.test(after);
}
