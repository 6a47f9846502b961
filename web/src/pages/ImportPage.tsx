/** A page. */
export const ImportPage = () => <p>ImportPage</p>;
