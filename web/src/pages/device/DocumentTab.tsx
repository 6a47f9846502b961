/** Of a device. */
export const DocumentTab = () => <p>DocumentTab</p>;
