/** Check digits. Each function takes digits (or the normalised id) without separators. */

/** Luhn, ISO/IEC 7812-1 annex B. */
export function isLuhnValid(digits: string): boolean {
  let sum = 0;
  for (let index = 0; index < digits.length; index += 1) {
    const digit = digits.charCodeAt(digits.length - 1 - index) - 48;
    const doubled = digit * 2;
    sum += index % 2 === 0 ? digit : doubled > 9 ? doubled - 9 : doubled;
  }
  return digits.length > 0 && sum % 10 === 0;
}

/** ISO 13616: country and check digits moved to the end, letters as 10 to 35, remainder 1 of 97. */
export function isIbanValid(iban: string): boolean {
  let remainder = 0;
  for (const character of iban.slice(4) + iban.slice(0, 4)) {
    const value = Number.parseInt(character, 36);
    remainder = (value < 10 ? remainder * 10 + value : remainder * 100 + value) % 97;
  }
  return remainder === 1;
}

/** NHS number: weights 10 to 2, modulus 11; ten equal digits are never issued. */
export function isNhsNumberValid(digits: string): boolean {
  if (!/^\d{10}$/.test(digits) || /^(\d)\1*$/.test(digits)) return false;
  let sum = 0;
  for (let index = 0; index < 9; index += 1) sum += (digits.charCodeAt(index) - 48) * (10 - index);
  const check = (11 - (sum % 11)) % 11;
  return check !== 10 && check === digits.charCodeAt(9) - 48;
}

/** US National Provider Identifier: Luhn over the number with the prefix 80840 (CMS, 45 CFR 162.406). */
export function isNpiValid(digits: string): boolean {
  return /^[12]\d{9}$/.test(digits) && isLuhnValid(`80840${digits}`);
}

/** US social security number: no area 000, 666 or 900 to 999, no group 00, no serial 0000 (SSA, 2011). */
export function isSsnValid(digits: string): boolean {
  return /^(?!000|666|9)\d{3}(?!00)\d{2}(?!0000)\d{4}$/.test(digits);
}

const spanishLetters = "TRWAGMYFPDXBNJZSQVHLCKE";

/** Spanish NIF (8 digits and a letter) or NIE (X, Y or Z, 7 digits and a letter): the letter is the number modulo 23. */
export function isSpanishIdValid(id: string): boolean {
  const match = /^([XYZ]|\d)(\d{7})([A-Z])$/.exec(id);
  if (match === null) return false;
  const first = "XYZ".includes(match[1] ?? "") ? "XYZ".indexOf(match[1] ?? "") : match[1];
  return spanishLetters[Number(`${first}${match[2]}`) % 23] === match[3];
}
