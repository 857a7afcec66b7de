/** Texts with something in them that must not leave; made up, with valid check digits. Pieces are joined so that no scanner trips. */
const pem = [
  "-----BEGIN RSA PRIVATE",
  " KEY-----\nMIIEpAIBAAKCAQEA7bqZ\nAbCdEf0123==\n-----END RSA PRIVATE",
  " KEY-----",
].join("");
const random = "aB3dE5fG7hJ9kL1mN2pQ4rS6tU8vW0xY";

export const dataFixtures: readonly { rule: string; text: string; expected: string }[] = [
  { rule: "pii.card", text: "pay with 4111 1111 1111 1111 2027 now", expected: "pay with [CARD] 2027 now" },
  { rule: "pii.card", text: "card:4111111111111111.", expected: "card:[CARD]." },
  { rule: "pii.card", text: "amex 3782-822463-10005", expected: "amex [CARD]" },
  { rule: "pii.card", text: "wide ４１１１ １１１１ １１１１ １１１１ digits", expected: "wide [CARD] digits" },
  {
    rule: "pii.card",
    text: "hidden 41\u200b11-11\u{e0041}11-1111-1111\u200b end",
    expected: "hidden [CARD]\u200b end",
  },
  { rule: "pii.card", text: "my card is 4111 1111\n 1111 1111", expected: "my card is [CARD]" },
  { rule: "pii.card", text: "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1, 12/27", expected: "[CARD], 12/27" },
  { rule: "pii.card", text: "x 41111111 11111111 or 411111 1111111111", expected: "x [CARD] or [CARD]" },
  { rule: "pii.card", text: "card4111111111111111", expected: "card[CARD]" },
  { rule: "pii.card", text: "4111111111111111x", expected: "[CARD]x" },
  { rule: "pii.card", text: "41 11 11 11 11 11 11 11", expected: "[CARD]" },
  { rule: "pii.card", text: "4111, 1111, 1111, 1111", expected: "[CARD]" },
  { rule: "pii.card", text: "4111*1111_1111/1111", expected: "[CARD]" },
  { rule: "pii.card", text: "4\u03361\u03361\u03361\u0336 1111 1111 1111", expected: "[CARD]" },
  { rule: "pii.card", text: "4\ufe0f\u20e31\ufe0f\u20e31\ufe0f\u20e31 1111 1111 1111", expected: "[CARD]" },
  { rule: "pii.card", text: "\u0e54\u0e51\u0e51\u0e51 1111 1111 1111", expected: "[CARD]" },
  { rule: "pii.card", text: "card 411 111 111 111 111 1 12/27", expected: "card [CARD] 12/27" },
  { rule: "pii.iban", text: "DE 89.3704.0044 - 0532/0130\n00", expected: "[IBAN]" },
  { rule: "pii.iban", text: "IBANDE89370400440532013000x", expected: "IBAN[IBAN]x" },
  { rule: "pii.iban", text: "g b82_west_1234 gb82_west_1234_5698_7654_32", expected: "g b82_west_1234 [IBAN]" },
  { rule: "pii.iban", text: "to DE89 3704 0044 0532 0130 00, thanks", expected: "to [IBAN], thanks" },
  { rule: "pii.iban", text: "GB82WEST12345698765432", expected: "[IBAN]" },
  { rule: "pii.ssn", text: "SSN 123-45-6789;", expected: "SSN [SSN];" },
  { rule: "pii.npi", text: "NPI 1234567893", expected: "NPI [NPI]" },
  { rule: "pii.nhs", text: "NHS number 943 476 5919 on file", expected: "NHS number [NHS] on file" },
  { rule: "pii.spanish_id", text: "DNI 12345678Z, NIE X-1234567L", expected: "DNI [NIF], NIE X-1234567L" },
  { rule: "pii.spanish_id", text: "NIE X1234567L", expected: "NIE [NIF]" },
  { rule: "pii.email", text: "mail ana.b+c@mail.example.org. Bye", expected: "mail [EMAIL]. Bye" },
  { rule: "pii.phone", text: "call +49 30 901820 today", expected: "call [PHONE] today" },
  { rule: "pii.phone", text: "call (212) 555-0123 or 212-555-0123", expected: "call [PHONE] or [PHONE]" },
  { rule: "pii.ip", text: "from 192.168.1.20. And 2001:db8::1", expected: "from [IP]. And [IP]" },
  { rule: "secrets.private_key", text: `key:\n${pem}\nend`, expected: "key:\n[SECRET]\nend" },
  { rule: "secrets.openai_key", text: `use sk-proj-${random} here`, expected: "use [SECRET] here" },
  { rule: "secrets.anthropic_key", text: `sk-ant-api03-${random}`, expected: "[SECRET]" },
  { rule: "secrets.aws_access_key", text: "id AKIAIOSFODNN7EXAMPLE ok", expected: "id [SECRET] ok" },
  { rule: "secrets.github_token", text: `ghp_${random}ABCD,`, expected: "[SECRET]," },
  { rule: "secrets.slack_token", text: "xoxb-123456789012-abcDEF", expected: "[SECRET]" },
  { rule: "secrets.stripe_key", text: `sk_live_${random}`, expected: "[SECRET]" },
  { rule: "secrets.google_key", text: `AIza${random}_-x.`, expected: "[SECRET]." },
  {
    rule: "secrets.jwt",
    text: "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjMifQ.c2ln_X-1 x",
    expected: "Bearer [SECRET] x",
  },
  { rule: "secrets.parapet_key", text: `parapet_${random}${random}`, expected: "[SECRET]" },
  { rule: "secrets.assignment", text: 'password = "hunter2horse9" end', expected: 'password = "[SECRET]" end' },
  { rule: "secrets.assignment", text: '{"api_key": "9f8e7d6c5b4a"}', expected: '{"api_key": "[SECRET]"}' },
  { rule: "secrets.assignment", text: "my password is Tr0ub4dor&3x.", expected: "my password is [SECRET]" },
];

export const innocentTexts: readonly string[] = [
  "Order 4111 1111 1111 1112 and 1234567890123456 are numbers, not cards.",
  "40.712776, -74.005974 are places.",
  "From 23-11-2024 - 24-11-2024; ISBN 978-3-16-148410-0; at 20 percent of the total amount.",
  "4500, 1200, 3300, 4100, 5200 and 4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
  "2027\t4111\t1111\t1111\t1111\t5200 is a row of a table.",
  "SSN 000-12-3456, 666-12-3456 and 900-12-3456 are never issued; 2026-11-21 is a date.",
  "DE89 3704 0044 0532 0130 01 has the wrong check digits. 12345678A too.",
  "std::vector<int> a::b; 10:30:15; version 1.2.3; 256.1.1.1",
  "The token budget is 4096 tokens; password: see the vault; api_key = os.environ['KEY']",
  "sk-learn-is-a-nickname-of-scikit and .sk-fading-circle-wrapper-inner are names.",
  "-----BEGIN PRIVATE KEY----- is how such a file starts.",
  "if (![1, 2].includes(x)) return a[1:]; // ok",
];

export const linkFixtures: readonly { name: string; text: string; expected: string }[] = [
  { name: "inline image", text: "a ![x](https://evil.test/p?d=1) b", expected: "a ! [x]([link removed: evil.test]) b" },
  {
    name: "reference image",
    text: "![x][r]\n\n[r]: https://evil.test/p",
    expected: "! [x][r]\n\n[r]: [link removed: evil.test]",
  },
  { name: "autolink", text: "<https://evil.test/?q=1>", expected: "<[link removed: evil.test]>" },
  { name: "bare address", text: "see www.evil.test/x.", expected: "see [link removed: www.evil.test]" },
  { name: "HTML image", text: "<img src='//evil.test/x'>", expected: "< img src='[link removed: evil.test]'>" },
  {
    name: "line break in a scheme",
    text: '<a href="ht\ntps://evil.test">',
    expected: '< a href="[link removed: evil.test]">',
  },
  { name: "without scheme", text: "[a](//evil.test/x)", expected: "[a]([link removed: evil.test])" },
  { name: "entity", text: "[a](https&colon;//evil.test/x)", expected: "[a]([link removed: evil.test])" },
  { name: "backslashes", text: "[a](/\\evil.test/x)", expected: "[a]([link removed: evil.test])" },
  { name: "escaped at sign", text: "https://ok.test\\@evil.test/", expected: "[link removed]" },
  { name: "user name", text: "https://ok.test@evil.test/", expected: "[link removed]" },
  { name: "percent-encoded host", text: "https://%65vil.test/", expected: "[link removed: evil.test]" },
  {
    name: "unicode host",
    text: "https://ｅvil.test/ https://évil.test/",
    expected: "[link removed: evil.test] [link removed: évil.test]",
  },
  {
    name: "a host cut short by line breaks",
    text: `<a href="//ok.test${"\n".repeat(250)}.evil.test">`,
    expected: `< a href="[link removed: ok.test]${"\n".repeat(59)}.evil.test">`,
  },
  { name: "data", text: "[a](data:text/html;base64,PHA+)", expected: "[a]([link removed])" },
  { name: "script", text: '<a href="java\nscript:alert`1`">', expected: '< a href="[link removed]`1`">' },
  {
    name: "allowed host",
    text: "[a](https://ok.test/x) ![b](https://ok.test/y)",
    expected: "[a](https://ok.test/x) ! [b](https://ok.test/y)",
  },
  {
    name: "below an allowed host",
    text: "https://a.docs.test/x https://docs.test.evil.test",
    expected: "https://a.docs.test/x [link removed: docs.test.evil.test]",
  },
  {
    name: "the user's own address, and more than it",
    text: "https://mine.test/a/b, https://mine.test/a/b?x=1",
    expected: "https://mine.test/a/b, [link removed: mine.test]",
  },
  {
    name: "srcset, style, svg and script",
    text: '<img srcset="a 1x,//e.test/x 2x"><style>@import "//e.test"</style><svg/onload=f()><SCRIPT>1</SCRIPT>',
    expected:
      '< img srcset="a 1x,//e.test/x 2x">< style>@import "//e.test"</style>< svg/onload=f()>< SCRIPT>1</SCRIPT>',
  },
  { name: "a frame", text: "<iframe srcdoc='x'> <abbr> <b>", expected: "< iframe srcdoc='x'> <abbr> <b>" },
  {
    name: "an address in a style",
    text: '<p style="background:url(//evil.test)">',
    expected: '<p style="background:url([link removed]">',
  },
  { name: "mail with a body", text: "[x](mailto:a@evil.test?body=s)", expected: "[x]([link removed])" },
  {
    name: "schemes of other programs",
    text: "[x](sms:123?body=s) [x](ssh://e.test) [x](intent://e.test) [x](zz9+a:e)",
    expected: "[x]([link removed]) [x]([link removed]) [x]([link removed]) [x]([link removed])",
  },
  {
    name: "fewer and more slashes",
    text: "https:/evil.test/x https:evil.test https:\\\\evil.test https:///evil.test",
    expected: "[link removed: evil.test] [link removed: evil.test] [link removed: evil.test] [link removed: evil.test]",
  },
  {
    name: "sockets and wide dots",
    text: "wss://evil.test/x www\u3002evil.test",
    expected: "[link removed: evil.test] [link removed: www.evil.test]",
  },
  {
    name: "code and prose that only look like addresses",
    text: "[](std::string s) http:status https: yes a <b [1]: note: x",
    expected: "[](std::string s) http:status https: yes a <b [1]: note: x",
  },
  {
    name: "relative, mail and citations",
    text: "[a](docs/p.md) [b](#c) [m](mailto:a@b.test) Great![1]",
    expected: "[a](docs/p.md) [b](#c) [m](mailto:a@b.test) Great! [1]",
  },
  {
    name: "a secret in an allowed address",
    text: "https://ok.test/?k=AKIAIOSFODNN7EXAMPLE",
    expected: "https://ok.test/?k=[SECRET]",
  },
];

export const linkHosts = ["ok.test", "*.docs.test"];
export const mentionedUrls = ["https://mine.test/a/b."];
