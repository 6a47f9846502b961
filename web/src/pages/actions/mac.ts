const shapes = [
  /^([0-9a-f]{2})(:[0-9a-f]{2}){5}$/i,
  /^([0-9a-f]{2})(-[0-9a-f]{2}){5}$/i,
  /^([0-9a-f]{4})(\.[0-9a-f]{4}){2}$/i,
  /^[0-9a-f]{12}$/i,
];

/** The normal form aa:bb:cc:dd:ee:ff of a MAC address in any of the spellings that the server reads; null for any other text. */
export const parseMac = (text: string): string | null => {
  const given = text.trim();
  if (!shapes.some((shape) => shape.test(given))) return null;
  return given
    .replaceAll(/[^0-9a-f]/gi, "")
    .toLowerCase()
    .replaceAll(/..(?!$)/g, "$&:");
};

/** The spelling of a MAC address, given in its normal form, that the device asks with. */
export const dashedMac = (mac: string): string => mac.replaceAll(":", "-");

/** What is wrong with a text that is to be a MAC address, also one that is still being typed; "" where nothing is. */
export const macProblem = (text: string): string => {
  const given = text.trim();
  if (!given || parseMac(given)) return "";
  const odd = given.match(/[^0-9a-f:.-]/i);
  if (odd) return `“${odd[0]}” is no hex digit: a MAC address has the digits 0 to 9 and a to f`;
  const digits = given.replaceAll(/[^0-9a-f]/gi, "").length;
  if (digits < 12) return `${digits} of 12 hex digits`;
  if (digits > 12) return `${digits} hex digits, and a MAC address has 12`;
  return "Write it as aa:bb:cc:dd:ee:ff, aa-bb-cc-dd-ee-ff, aabb.ccdd.eeff or aabbccddeeff";
};

/** What a MAC address that can be read may still have that no device has; "" where nothing is odd. */
export const macOddity = (mac: string): string => {
  const first = Number.parseInt(mac.slice(0, 2), 16);
  if (mac === "ff:ff:ff:ff:ff:ff") return "This is the broadcast address; no device has it";
  if (mac === "00:00:00:00:00:00") return "This address is all zeros; no device has it";
  if (first & 1) return "This is a multicast address; a device's own has an even second digit";
  return "";
};
