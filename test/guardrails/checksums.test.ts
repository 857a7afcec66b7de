import { describe, expect, it } from "vitest";
import {
  isIbanValid,
  isLuhnValid,
  isNhsNumberValid,
  isNpiValid,
  isSpanishIdValid,
  isSsnValid,
} from "../../src/guardrails/checksums.ts";
import { isIpv4, isIpv6 } from "../../src/guardrails/pii.ts";
import { isCardValid } from "../../src/guardrails/card.ts";

describe("check digits", () => {
  it.each([
    ["Luhn", isLuhnValid, ["79927398713", "4111111111111111"], ["79927398710", "4111111111111112", ""]],
    // Test numbers the networks publish.
    [
      "card",
      isCardValid,
      [
        "4111111111111111",
        "378282246310005",
        "5555555555554444",
        "2223003122003222",
        "6011111111111117",
        "30569309025904",
        "3530111333300000",
      ],
      ["4111111111111112", "0000000000000000", "1234567812345670", "41111111111111"],
    ],
    // Examples of the SWIFT registry.
    [
      "IBAN",
      isIbanValid,
      ["DE89370400440532013000", "GB29NWBK60161331926819", "FR1420041010050500013M02606", "NO9386011117947"],
      ["DE89370400440532013001", "GB29NWBK60161331926818"],
    ],
    ["NHS number", isNhsNumberValid, ["9434765919", "4010232137"], ["9434765918", "1111111111", "987654321"]],
    // The example of the CMS specification.
    ["NPI", isNpiValid, ["1234567893", "1245319599"], ["1234567890", "3234567893", "123456789"]],
    ["SSN", isSsnValid, ["123456789", "899991234"], ["000123456", "666123456", "900123456", "123006789", "123450000"]],
    ["NIF and NIE", isSpanishIdValid, ["12345678Z", "X1234567L", "Z1234567R"], ["12345678A", "X1234567Z", "1234567Z"]],
    ["IPv4", isIpv4, ["0.0.0.0", "192.168.1.255"], ["256.1.1.1", "1.2.3", "1.2.3.4.5"]],
    [
      "IPv6",
      isIpv6,
      ["2001:db8::1", "::1", "fe80::1:2:3:4", "1:2:3:4:5:6:7:8", "::ffff:10.0.0.1"],
      ["::", "a::b", "1:2:3", "1::2::3", "12:30", "1:2:3:4:5:6:7:8:9"],
    ],
  ] as const)("%s: takes the valid and refuses the rest", (_name, isValid, valid, invalid) => {
    expect(valid.filter((text) => !isValid(text))).toEqual([]);
    expect(invalid.filter((text) => isValid(text))).toEqual([]);
  });
});
