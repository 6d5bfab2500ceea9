import { type Command, Option } from 'commander';
import { loadSettings } from '../config/load-settings';
import { roles } from '../contract/identity';
import { apiCommands, call, type CommandContext, type Common } from './api-commands';
import { printObject } from './print';
import { tokenGiven } from './token-given';

interface IssueOptions extends Common {
  readonly sub: string;
  readonly role: readonly string[];
  readonly minutes: string;
}

const invalid = 1;

/** `conclave token …` (docs/authentication.md). */
export function addTokenCommands(token: Command, context: CommandContext): void {
  const { command, run } = apiCommands(token, context);

  command('issue', 'sign an access token with the key of the settings; not in production')
    .requiredOption('--sub <subject>', 'who it is for')
    .addOption(
      new Option('--role <role>', 'repeatable')
        .choices(roles)
        .argParser((text: string, all: readonly string[] | undefined) => [...(all ?? []), text])
        .makeOptionMandatory(),
    )
    .option('--minutes <minutes>', 'how long it is good', '15')
    .action(
      run<IssueOptions>(async (_target, { sub, role, minutes, tenant, format }) => {
        const { settings } = loadSettings();
        if (settings.service.environment === 'production') {
          throw new Error(
            'in production tokens come from their issuer; make an API key: conclave api-key create',
          );
        }
        const { devTokenSchema } = await import('../contract/auth-api.js');
        const { Tokens } = await import('../security/tokens.js');
        const asked = devTokenSchema.safeParse({
          sub,
          tenant_id: tenant ?? null,
          roles: role,
          ttl: Number(minutes) * 60,
        });
        if (!asked.success) {
          throw new Error(
            asked.error.issues.map((one) => `${one.path.join('.')}: ${one.message}`).join('\n'),
          );
        }
        const { token: signed } = await new Tokens(settings.auth).sign({
          sub,
          tenantId: asked.data.tenant_id,
          roles: asked.data.roles,
          typ: 'access',
          seconds: asked.data.ttl!,
        });
        if (format === 'json') printObject(format, { access_token: signed });
        else console.log(signed);
      }),
    );

  command('verify', 'what a token says, if it is one that the settings believe')
    .argument('<token>', 'the token; - reads it from standard input')
    .action(
      run(async (_target, { format }, shown) => {
        const text = await tokenGiven(shown);
        const { TokenError, Tokens } = await import('../security/tokens.js');
        try {
          printObject(format, await new Tokens(loadSettings().settings.auth).verify(text));
          return 0;
        } catch (error) {
          if (!(error instanceof TokenError)) throw error;
          console.error(error.message);
          return invalid;
        }
      }),
    );

  command('revoke', 'have a token believed no more, in every process within a second')
    .argument('<token>', 'the token, or its jti; - reads it from standard input')
    .action(
      run(async (target, { format }, shown) => {
        const text = await tokenGiven(shown);
        await call(target, 'POST', '/auth/revoke', text.includes('.') ? { token: text } : { jti: text });
        printObject(format, { revoked: text.includes('.') ? 'the token' : text });
      }),
    );
}
