import { z } from 'zod';
import { noticeEvents } from './notices';
import { secretReferenceSchema } from './outbound-auth';
import { tenantSchema } from './text';

const addressSchema = z.email().max(254);
const loopback = ['localhost', '127.0.0.1', '::1'];

const smtpSchema = z
  .strictObject({
    host: z.string().regex(/^[A-Za-z0-9.:-]{1,253}$/, 'must be a name or an address'),
    port: z.int().min(1).max(65_535).default(587),
    /** `starttls`: no mail goes where it is not offered; `implicit`: TLS from the first byte (465); `none`: on loopback only. */
    tls: z.enum(['starttls', 'implicit', 'none']).default('starttls'),
    /** The authority of the server's certificate, in PEM; without it those that Node trusts. */
    ca_ref: secretReferenceSchema.nullable().default(null),
    username: z.string().min(1).max(254).nullable().default(null),
    password_ref: secretReferenceSchema.nullable().default(null),
    from: addressSchema,
  })
  .refine(({ tls, host }) => tls !== 'none' || loopback.includes(host), {
    path: ['tls'],
    error: 'may be none only for a server on this machine',
  })
  .refine(({ username, password_ref }) => (username === null) === (password_ref === null), {
    path: ['password_ref'],
    error: 'username and password_ref go together',
  })
  .refine(({ tls, username }) => tls !== 'none' || username === null, {
    path: ['username'],
    error: 'is not sent without TLS',
  });
export type SmtpSettings = z.output<typeof smtpSchema>;

const recipientsSchema = z.strictObject({
  /** Whose events; null: those of all tenants, and of the installation. */
  tenant_id: tenantSchema.nullable().default(null),
  events: z
    .array(z.enum(noticeEvents))
    .min(1)
    .default([...noticeEvents]),
  emails: z.array(addressSchema).max(50).default([]),
  webhooks: z
    .array(z.url({ protocol: /^https?$/ }).max(2048))
    .max(10)
    .default([]),
});
export type NoticeRecipients = z.output<typeof recipientsSchema>;

/** Whom operators' events are told, and how (docs/notifications.md). */
export const notificationsSchema = z
  .strictObject({
    smtp: smtpSchema.nullable().default(null),
    recipients: z.array(recipientsSchema).max(200).default([]),
    /** An address gets one mail in so many seconds at most; what happens meanwhile is in the next. */
    mail_interval_seconds: z.int().min(0).max(86_400).default(300),
    /** Before each repetition; then it is given up. */
    retry_seconds: z
      .array(z.number().positive().max(86_400))
      .max(20)
      .default([1, 2, 4, 8, 16, 60, 300, 1800, 7200]),
  })
  .refine(({ smtp, recipients }) => smtp !== null || recipients.every(({ emails }) => emails.length === 0), {
    path: ['smtp'],
    error: 'is needed for recipients with emails',
  });
