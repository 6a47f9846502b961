/** A page. */
export const DeletedPage = () => <p>DeletedPage</p>;
