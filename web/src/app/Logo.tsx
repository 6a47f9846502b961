/** The mark: a tree that is trained along wires. */
export const Logo = () => (
  <svg viewBox="0 0 32 32" aria-hidden="true">
    <rect width="32" height="32" rx="7" fill="#1d5c40" />
    <path
      d="M16 27V6M16 22c-5 0-9-1.5-9-6V12M16 22c5 0 9-1.500 9-6V12M16 15c-3 0-5-1-5-4V8M16 15c3 0 5-1 5-4V8"
      fill="none"
      stroke="#d9f2e3"
      strokeWidth="2.4"
      strokeLinecap="round"
      strokeLinejoin="round"
    />
  </svg>
);
