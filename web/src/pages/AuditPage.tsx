/** A page. */
export const AuditPage = () => <p>AuditPage</p>;
